"""One-minute metrics in event time: those of each merchant from the merchant stage, and a window over all merchants."""

from __future__ import annotations

from pyflink.datastream import DataStream
from pyflink.table import Schema, StatementSet, StreamTableEnvironment

from flink_jobs.explode import explode_table
from flink_jobs.kafka_tables import create_sink
from flink_jobs.settings import Settings
from flink_jobs.sinks import write_exploded
from udfs.stages.minute_totals import MINUTE_COLUMNS

_JSON = {
    "key.format": "raw",
    "key.fields": "record_key",
    "value.format": "json",
    "value.fields-include": "EXCEPT_KEY",
    "value.json.timestamp-format.standard": "ISO-8601",
}
_COUNTS = [name for name in MINUTE_COLUMNS if name != "amount"]


def write_metrics(
    tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: DataStream
) -> None:
    """Write the minutes of merchants, and the total of all, with ``merchant_id`` null and an empty key."""
    topic = settings.kafka.topics.metrics
    create_sink(tables, settings, "merchant_metrics", topic)
    write_exploded(tables, writes, "merchant_metrics", decided, "metric_keys", "metric_values")
    counts = ", ".join(f"{name} BIGINT" for name in _COUNTS)
    create_sink(
        tables,
        settings,
        "metrics",
        topic,
        "record_key STRING, window_start TIMESTAMP_LTZ(3), window_end TIMESTAMP_LTZ(3), merchant_id STRING, "
        f"amount DOUBLE, {counts}, alert_rate DOUBLE",
        formats=_JSON,
    )
    _in_event_time(tables, decided)
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in _COUNTS)
    writes.add_insert_sql(f"""
        INSERT INTO metrics
        SELECT '', begins, ends, CAST(NULL AS STRING), amount,
               {", ".join(_COUNTS)}, alerts / CAST(transactions AS DOUBLE)
        FROM (
            SELECT CAST(window_start AS TIMESTAMP_LTZ(3)) AS begins, CAST(window_end AS TIMESTAMP_LTZ(3)) AS ends,
                   SUM(amount) AS amount, {sums}
            FROM TABLE(TUMBLE(TABLE minute_totals, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
            GROUP BY window_start, window_end
        )
    """)


def _in_event_time(tables: StreamTableEnvironment, decided: DataStream) -> None:
    """Declare ``minute_totals``: a row for each minute of a batch, with the watermark of the stage."""
    schema = (
        Schema.new_builder()
        .column_by_expression("event_time", "TO_TIMESTAMP_LTZ(minutes, 3)")
        .watermark("event_time", "TO_TIMESTAMP_LTZ(event_clocks, 3)")
        .build()
    )
    columns = {"minutes": "BIGINT", "event_clocks": "BIGINT", **dict.fromkeys(MINUTE_COLUMNS, "DOUBLE")}
    explode_table(tables, "minute_totals", [decided], columns, schema)
