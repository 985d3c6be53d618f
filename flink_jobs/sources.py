"""Kafka sources of the job, as SQL views of ``(shard, record)``.

``record`` is an envelope in BYTES: a header of kind, partition, offset and key (base64, ``-`` for none), then a newline
and the value as it arrived; a record without value has no newline. ``udfs.stages.envelope`` decodes it.
"""

from __future__ import annotations

from pyflink.table import StreamTableEnvironment

from flink_jobs.kafka_tables import create_source, literal
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.names import Kind

EVENTS = "events"
CONTROL, CONTROL_OF_USERS, CONTROL_OF_DEVICES = "control", "control_of_users", "control_of_devices"

_START = {"earliest": "earliest-offset", "latest": "latest-offset", "group": "group-offsets"}
_METADATA = (
    ", topic STRING METADATA VIRTUAL"
    ", kafka_partition INT METADATA FROM 'partition' VIRTUAL"
    ", kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL"
)


def read_events(tables: StreamTableEnvironment, settings: Settings, shards: Shards) -> str:
    """Read transactions, account events and labels, each for the shard of its user; returns the name of the view."""
    names = settings.kafka.topics
    topics = [names.transactions, names.account_events, names.labels]
    create_source(tables, settings, EVENTS, topics, _METADATA, _START[settings.job.start_from])
    count = len(shards)
    # HASH_CODE may be negative, and MOD keeps the sign.
    shard = f"MOD(MOD(HASH_CODE(COALESCE(record_key, '')), {count}) + {count}, {count})"
    kind = (
        f"CASE topic WHEN {literal(names.transactions)} THEN '{Kind.TRANSACTION}'"
        f" WHEN {literal(names.labels)} THEN '{Kind.LABEL}' ELSE '{Kind.ACCOUNT_EVENT}' END"
    )
    tables.execute_sql(f"""
        CREATE TEMPORARY VIEW keyed_events AS
        SELECT {_keys(shards)}[{shard} + 1] AS shard, {_record(kind)} AS record
        FROM {EVENTS}
    """)
    return "keyed_events"


def read_control(tables: StreamTableEnvironment, settings: Settings, source: str, shards: Shards) -> str:
    """Read control records, each for every shard of a stage; returns the name of the view.

    Each stage has its own source, since two SQL plans do not share one.

    Each shard applies a control record between two batches and keeps it in its own state. This replaces Flink's
    broadcast state, which needs a second input: with one input a stage is chained to its mini-batch operator.
    """
    topics = [settings.kafka.topics.control]
    # From the beginning: the topic is compacted, and the last record of each key is in force.
    create_source(tables, settings, source, topics, _METADATA, _START["earliest"], low_rate=True)
    # The keys depend on the record, formally: UNNEST of a constant array would be a join with state.
    keys = f"CASE WHEN kafka_offset >= 0 THEN {_keys(shards)} END"
    tables.execute_sql(f"""
        CREATE TEMPORARY VIEW keyed_{source} AS
        SELECT shard, record
        FROM (SELECT {_record(literal(Kind.CONTROL))} AS record, {keys} AS shards FROM {source})
        CROSS JOIN UNNEST(shards) AS exploded (shard)
    """)
    return f"keyed_{source}"


def _record(kind: str) -> str:
    # CONCAT, since || replaces bytes that are not UTF-8.
    return (
        f"CAST(CONCAT({kind}, ' ', CAST(kafka_partition AS STRING), ' ', CAST(kafka_offset AS STRING), ' ',"
        f" COALESCE(TO_BASE64(record_key), '-'), COALESCE(CONCAT('\n', record_value), '')) AS BYTES)"
    )


def _keys(shards: Shards) -> str:
    return "ARRAY[" + ", ".join(f"CAST({key} AS BIGINT)" for key in shards.keys) + "]"
