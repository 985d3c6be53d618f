"""What the job writes: each stage's rows of arrays, unfolded by Java into Kafka records."""

from __future__ import annotations

from pyflink.table import StatementSet, StreamTableEnvironment

from flink_jobs.kafka_tables import create_sink
from flink_jobs.settings import Settings

_LETTER = "record_key, record_value, reason, detail, source_topic, source_partition, source_offset"
_HEADERS = ("reason", "detail", "source.topic", "source.partition", "source.offset")


def write_decisions(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: str) -> None:
    """Every decision, at once (or, by a setting, with the checkpoint and exactly once), keyed by user."""
    once = settings.job.decisions_exactly_once
    create_sink(tables, settings, "decisions", settings.kafka.topics.decisions, exactly_once=once)
    writes.add_insert_sql(_unfold("decisions", decided, "decision_keys", "decision_values"))


def write_alerts(tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, decided: str) -> None:
    """Decisions that ask for action, exactly once, keyed by user."""
    create_sink(tables, settings, "alerts", settings.kafka.topics.alerts, exactly_once=True)
    writes.add_insert_sql(_unfold("alerts", decided, "alert_keys", "alert_values"))


def write_dead_letters(
    tables: StreamTableEnvironment, writes: StatementSet, settings: Settings, views: list[str]
) -> None:
    """What was refused, byte for byte, with the reason and where it stood in headers."""
    columns = "record_key BYTES, record_value BYTES, headers MAP<STRING, BYTES> METADATA"
    create_sink(tables, settings, "dead_letters", settings.kafka.topics.dead_letters, columns)
    values = ("reason", "detail", "source_topic", "CAST(source_partition AS STRING)", "CAST(source_offset AS STRING)")
    headers = ", ".join(f"'{name}', CAST({value} AS BYTES)" for name, value in zip(_HEADERS, values, strict=True))
    letters = " UNION ALL ".join(
        f"SELECT letter.* FROM {view} CROSS JOIN UNNEST(refused) AS letter ({_LETTER})" for view in views
    )
    writes.add_insert_sql(f"INSERT INTO dead_letters SELECT record_key, record_value, MAP[{headers}] FROM ({letters})")


def _unfold(sink: str, view: str, keys: str, values: str) -> str:
    return f"""
        INSERT INTO {sink}
        SELECT {keys}[position_], value_
        FROM {view} CROSS JOIN UNNEST({values}) WITH ORDINALITY AS unfolded (value_, position_)
    """
