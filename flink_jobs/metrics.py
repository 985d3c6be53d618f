"""One-minute metrics in event time: of each merchant as the merchant stage closes them, of all from a window in Java.

A merchant's minute is complete in its shard. The total of all merchants is added up from a row for each shard and
minute, in event time by the stages' own clocks.
"""

from __future__ import annotations

from pyflink.common import Types
from pyflink.datastream import DataStream
from pyflink.table import Schema, StatementSet, StreamTableEnvironment

from flink_jobs.kafka_tables import create_sink
from flink_jobs.settings import Settings
from udfs.stages.tally import TALLY_COLUMNS

_COUNTS = [name for name in TALLY_COLUMNS if name != "amount"]


def write_metrics(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: str) -> None:
    """Write the merchants' minutes, and those of all, whose ``merchant_id`` is null and whose key is empty."""
    create_sink(tables, settings, "metrics", settings.kafka.topics.metrics)
    _in_event_time(tables, decided)
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in _COUNTS)
    fields = ", ".join(f"'{name}' VALUE {name}" for name in (*TALLY_COLUMNS, "alert_rate"))
    # By the merchant, though none is named any more: savepoints of before hold the window's state in that form, with
    # minutes of merchants that were open.
    writes.add_insert_sql(f"""
        INSERT INTO metrics
        SELECT metric_keys[position_], value_
        FROM {decided} CROSS JOIN UNNEST(metric_values) WITH ORDINALITY AS unfolded (value_, position_)
        UNION ALL
        SELECT CAST(COALESCE(merchant_id, '') AS BYTES), CAST(JSON_OBJECT(
            'window_start' VALUE begins, 'window_end' VALUE ends, 'merchant_id' VALUE merchant_id, {fields}
        ) AS BYTES)
        FROM (
            SELECT {_iso("window_start")} AS begins, {_iso("window_end")} AS ends, merchant_id, amount,
                   {", ".join(_COUNTS)}, alerts / CAST(transactions AS DOUBLE) AS alert_rate
            FROM (
                SELECT window_start, window_end, merchant_id, GROUPING(merchant_id) AS overall, SUM(amount) AS amount,
                       {sums}
                FROM TABLE(TUMBLE(TABLE tallied, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
                GROUP BY window_start, window_end, GROUPING SETS ((merchant_id), ())
            )
            WHERE overall = 1 OR merchant_id IS NOT NULL
        )
    """)


def _iso(moment: str) -> str:
    return f"DATE_FORMAT({moment}, 'yyyy-MM-dd''T''HH:mm:ss''Z''')"


def _in_event_time(tables: StreamTableEnvironment, decided: str) -> None:
    """Declare ``tallied``: a row for each minute that is over in a shard, with the stage's own watermark."""
    numbers = ", ".join(f"{name}[position_] AS {name}" for name in TALLY_COLUMNS)
    rows = tables.sql_query(f"""
        SELECT minute_, event_clocks[position_] AS event_clock, CAST(NULL AS STRING) AS merchant_id, {numbers}
        FROM {decided} CROSS JOIN UNNEST(minutes) WITH ORDINALITY AS unfolded (minute_, position_)
    """)
    kind = Types.ROW_NAMED(
        ["minute_", "event_clock", "merchant_id", *TALLY_COLUMNS],
        [Types.LONG(), Types.LONG(), Types.STRING(), *(Types.DOUBLE() for _ in TALLY_COLUMNS)],
    )
    stream: DataStream = tables.to_append_stream(rows, kind)
    schema = (
        Schema.new_builder()
        .column_by_expression("event_time", "TO_TIMESTAMP_LTZ(minute_, 3)")
        .watermark("event_time", "TO_TIMESTAMP_LTZ(event_clock, 3)")
        .build()
    )
    tables.create_temporary_view("tallied", stream, schema)
