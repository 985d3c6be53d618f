"""Kafka sinks of the job: the arrays of a stage's rows, exploded by Java into records."""

from __future__ import annotations

from collections.abc import Sequence

from pyflink.datastream import DataStream
from pyflink.table import StatementSet, StreamTableEnvironment

from flink_jobs.explode import explode_table
from flink_jobs.kafka_tables import create_sink
from flink_jobs.settings import Settings

_HEADERS = {
    "reason": "reasons",
    "detail": "details",
    "source.topic": "source_topics",
    "source.partition": "source_partitions",
    "source.offset": "source_offsets",
}


def write_decisions(
    tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: DataStream
) -> None:
    """Write every decision, keyed by user: at once, or by a setting exactly once, with the checkpoint."""
    once = settings.job.decisions_exactly_once
    create_sink(tables, settings, "decisions", settings.kafka.topics.decisions, exactly_once=once)
    write_exploded(tables, writes, "decisions", decided, "decision_keys", "decision_values")


def write_alerts(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: DataStream) -> None:
    """Write alerts, keyed by user, exactly once."""
    create_sink(tables, settings, "alerts", settings.kafka.topics.alerts, exactly_once=True)
    write_exploded(tables, writes, "alerts", decided, "alert_keys", "alert_values")


def write_dead_letters(
    tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, stages: Sequence[DataStream]
) -> None:
    """Write refused records byte for byte; headers hold the reason and the source position."""
    columns = "record_key BYTES, record_value BYTES, headers MAP<STRING, BYTES> METADATA"
    create_sink(tables, settings, "dead_letters", settings.kafka.topics.dead_letters, columns)
    arrays = ("refused_keys", "refused_values", *_HEADERS.values())
    explode_table(tables, "refused", stages, dict.fromkeys(arrays, "BYTES"))
    headers = ", ".join(f"'{name}', {column}" for name, column in _HEADERS.items())
    writes.add_insert_sql(f"INSERT INTO dead_letters SELECT refused_keys, refused_values, MAP[{headers}] FROM refused")


def write_exploded(
    tables: StreamTableEnvironment, writes: StatementSet, sink: str, stage: DataStream, keys: str, values: str
) -> None:
    """Write arrays of record keys and of record values, element by element."""
    view = f"exploded_{sink}"
    explode_table(tables, view, [stage], {keys: "BYTES", values: "BYTES"})
    writes.add_insert_sql(f"INSERT INTO {sink} SELECT {keys}, {values} FROM {view}")
