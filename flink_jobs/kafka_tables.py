"""Kafka topics as SQL tables of raw records: key and value in bytes."""

from __future__ import annotations

from collections.abc import Mapping

from pyflink.table import StreamTableEnvironment

from flink_jobs.settings import Settings

MIB = 1024 * 1024

# Small requests cost the broker more than the job: a live stream is fetched every 25 ms, or when a batch is available.
# Shorter waits gave no better median and a worse p99 (docs/benchmarks/latency.md).
# A fetch reads little of each partition (a larger record comes alone), so that a backlog is read side by side: a
# partition that runs ahead brings hours of disorder to merchants and devices.
_CONSUMER = {
    "fetch.max.wait.ms": "25",
    "fetch.min.bytes": str(32 * 1024),
    "isolation.level": "read_committed",
    "max.partition.fetch.bytes": str(32 * 1024),
}
# Polling an idle topic costs as much as reading a stream.
_LOW_RATE = {"fetch.max.wait.ms": "500", "fetch.min.bytes": "1"}
# A linger of 5 ms fills a request; lz4 costs least for what it saves.
_PRODUCER = {"linger.ms": "5", "compression.type": "lz4", "batch.size": str(256 * 1024)}


def create_source(
    tables: StreamTableEnvironment,
    settings: Settings,
    name: str,
    topics: list[str],
    columns: str,
    start: str,
    *,
    low_rate: bool = False,
) -> None:
    """Declare a table that reads raw records of topics.

    Key and value are STRING, since SQL cannot concatenate BYTES; a raw STRING keeps every byte, valid UTF-8 or not.

    Args:
        tables: where to declare it.
        settings: where Kafka is.
        name: of the table.
        topics: to read.
        columns: metadata columns in addition to ``record_key`` and ``record_value``, as DDL.
        start: a Kafka connector's scan.startup.mode.
        low_rate: whether records are rare, so that a fetch may wait long.
    """
    kafka = settings.kafka
    options = {
        "connector": "kafka",
        "topic": ";".join(topics),
        "scan.startup.mode": start,
        "properties.bootstrap.servers": kafka.bootstrap_servers,
        "properties.group.id": kafka.consumer_group,
        "properties.auto.offset.reset": "earliest",
        **_prefixed(_CONSUMER | (_LOW_RATE if low_rate else {}) | kafka.properties),
        **_raw("record_key"),
    }
    tables.execute_sql(
        f"CREATE TEMPORARY TABLE {name} (record_key STRING, record_value STRING{columns}) WITH ({_listed(options)})"
    )


def create_sink(
    tables: StreamTableEnvironment,
    settings: Settings,
    name: str,
    topic: str,
    columns: str = "record_key BYTES, record_value BYTES",
    *,
    exactly_once: bool = False,
    formats: Mapping[str, str] | None = None,
) -> None:
    """Declare a table that writes to a topic.

    Args:
        tables: where to declare it.
        settings: where Kafka is.
        name: of the table.
        topic: to write.
        columns: of the table, as DDL.
        exactly_once: whether records are committed with the checkpoint, once each; otherwise they are written at once,
            and again after a failure.
        formats: format options; without them key and value are raw bytes.
    """
    job, kafka = settings.job, settings.kafka
    options = {
        "connector": "kafka",
        "topic": topic,
        "properties.bootstrap.servers": kafka.bootstrap_servers,
        "properties.max.request.size": str(max(MIB, kafka.max_record_bytes)),
        **_prefixed(_PRODUCER | kafka.properties),
        **(formats or _raw("record_key")),
    }
    if exactly_once:
        options |= {
            "sink.delivery-guarantee": "exactly-once",
            # Must not change: a restarted job finds its open transactions by this prefix.
            "sink.transactional-id-prefix": f"{job.name}-{name}",
            "properties.transaction.timeout.ms": str(job.transaction_timeout_s * 1000),
        }
    else:
        options["sink.delivery-guarantee"] = "at-least-once"
    tables.execute_sql(f"CREATE TEMPORARY TABLE {name} ({columns}) WITH ({_listed(options)})")


def _raw(key: str) -> dict[str, str]:
    return {
        "key.format": "raw",
        "key.fields": key,
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
    }


def _prefixed(properties: Mapping[str, str]) -> dict[str, str]:
    return {f"properties.{key}": value for key, value in properties.items()}


def _listed(options: Mapping[str, str]) -> str:
    return ", ".join(f"{literal(key)} = {literal(value)}" for key, value in options.items())


def literal(text: str) -> str:
    """Quote a text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
