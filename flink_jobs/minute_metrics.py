"""One-minute metrics in event time: each merchant's as the merchant stage closes them, and a window over all."""

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
    """Write the merchants' minutes, and those of all, whose ``merchant_id`` is null and whose key is empty."""
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
    # By the merchant, though none is named any more: savepoints of before hold the window's state in that form, with
    # minutes of merchants that were open.
    writes.add_insert_sql(f"""
        INSERT INTO metrics
        SELECT COALESCE(merchant_id, ''), begins, ends, merchant_id, amount,
               {", ".join(_COUNTS)}, alerts / CAST(transactions AS DOUBLE)
        FROM (
            SELECT CAST(window_start AS TIMESTAMP_LTZ(3)) AS begins, CAST(window_end AS TIMESTAMP_LTZ(3)) AS ends,
                   merchant_id, GROUPING(merchant_id) AS overall, SUM(amount) AS amount, {sums}
            FROM TABLE(TUMBLE(TABLE tallied, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
            GROUP BY window_start, window_end, GROUPING SETS ((merchant_id), ())
        )
        WHERE overall = 1 OR merchant_id IS NOT NULL
    """)


def _in_event_time(tables: StreamTableEnvironment, decided: DataStream) -> None:
    """Declare ``tallied``: a row for each minute of a batch, with the stage's own watermark."""
    schema = (
        Schema.new_builder()
        # Null, in a form that SQL takes for no constant: it would not group by one, and the window's state has it.
        .column_by_expression("merchant_id", "CAST(CASE WHEN minutes IS NULL THEN '' END AS STRING)")
        .column_by_expression("event_time", "TO_TIMESTAMP_LTZ(minutes, 3)")
        .watermark("event_time", "TO_TIMESTAMP_LTZ(event_clocks, 3)")
        .build()
    )
    columns = {"minutes": "BIGINT", "event_clocks": "BIGINT", **dict.fromkeys(MINUTE_COLUMNS, "DOUBLE")}
    explode_table(tables, "tallied", [decided], columns, schema)
