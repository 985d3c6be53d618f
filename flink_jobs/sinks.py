"""What the job writes: each stage's rows of arrays, unfolded by Java into Kafka records."""

from __future__ import annotations

from pyflink.table import StatementSet, StreamTableEnvironment

from flink_jobs.kafka_tables import create_sink
from flink_jobs.settings import Settings

_HEADERS = {
    "reason": "reasons",
    "detail": "details",
    "source.topic": "source_topics",
    "source.partition": "source_partitions",
    "source.offset": "source_offsets",
}


def write_decisions(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: str) -> None:
    """Every decision, at once (or, by a setting, with the checkpoint and exactly once), keyed by user."""
    once = settings.job.decisions_exactly_once
    create_sink(tables, settings, "decisions", settings.kafka.topics.decisions, exactly_once=once)
    writes.add_insert_sql(unfold("decisions", decided, "decision_keys", "decision_values"))


def write_alerts(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: str) -> None:
    """Decisions that ask for action, exactly once, keyed by user."""
    create_sink(tables, settings, "alerts", settings.kafka.topics.alerts, exactly_once=True)
    writes.add_insert_sql(unfold("alerts", decided, "alert_keys", "alert_values"))


def write_dead_letters(
    tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, views: list[str]
) -> None:
    """What was refused, byte for byte, with the reason and where it stood in headers."""
    columns = "record_key BYTES, record_value BYTES, headers MAP<STRING, BYTES> METADATA"
    create_sink(tables, settings, "dead_letters", settings.kafka.topics.dead_letters, columns)
    headers = ", ".join(
        f"'{name}', CAST(CAST({column}[position_] AS STRING) AS BYTES)" for name, column in _HEADERS.items()
    )
    letters = " UNION ALL ".join(
        f"""
        SELECT refused_keys[position_], refused_values[position_], MAP[{headers}]
        FROM {view} CROSS JOIN UNNEST(reasons) WITH ORDINALITY AS unfolded (reason_, position_)
        """
        for view in views
    )
    writes.add_insert_sql(f"INSERT INTO dead_letters {letters}")


def unfold(sink: str, view: str, keys: str, values: str) -> str:
    """SQL that writes arrays of record keys and of their values, element by element."""
    return f"""
        INSERT INTO {sink}
        SELECT {keys}[position_], value_
        FROM {view} CROSS JOIN UNNEST({values}) WITH ORDINALITY AS unfolded (value_, position_)
    """
