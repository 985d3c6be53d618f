"""Kafka sources and sinks of the job: envelopes in, raw records out (schemas in ``flink_jobs/java``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from py4j.java_gateway import JavaObject
from pyflink.datastream import DataStream, StreamExecutionEnvironment

from flink_jobs import jvm
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.lists.shared_lists import SHARED
from udfs.names import Kind, Uid

MIB = 1024 * 1024
# Small requests cost the broker more than the job: a live stream is fetched every 25 ms, or when a batch is available.
# A fetch reads little of each partition (a larger record comes alone), so that a backlog is read side by side: a
# partition that runs ahead brings hours of disorder to merchants and devices.
_CONSUMER = {
    "fetch.max.wait.ms": "25",
    "fetch.min.bytes": str(32 * 1024),
    "isolation.level": "read_committed",
    "max.partition.fetch.bytes": str(32 * 1024),
    # Partitions that are added while the job runs are read within seconds; the default is five minutes.
    "partition.discovery.interval.ms": "5000",
}
# Polling an idle topic costs as much as reading a stream.
_LOW_RATE = {"fetch.max.wait.ms": "500", "fetch.min.bytes": "1"}
_PRODUCER = {"linger.ms": "0", "compression.type": "lz4", "batch.size": str(256 * 1024)}
_MARGIN_BYTES = 16 * 1024
"""Of a topic's limit, for what a broker adds to a record."""
HEADERS = ("reason", "detail", "source.topic", "source.partition", "source.offset")
"""Headers of dead letters, in the order of their columns."""


def read_events(environment: StreamExecutionEnvironment, settings: Settings, shards: Shards) -> DataStream:
    """Read transactions, account events and labels, each for the shard of its user."""
    names = settings.kafka.topics
    kinds = {
        names.transactions: Kind.TRANSACTION,
        names.account_events: Kind.ACCOUNT_EVENT,
        names.labels: Kind.LABEL,
    }
    starts = jvm.jvm().org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer
    strategy = jvm.jvm().org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy
    start = {
        "earliest": starts.earliest,
        "latest": starts.latest,
        "group": lambda: starts.committedOffsets(strategy.EARLIEST),
    }[settings.job.start_from]()
    return _read(environment, settings, Uid.EVENTS, kinds, _envelopes(kinds, shards.keys), start, _CONSUMER)


def read_control(environment: StreamExecutionEnvironment, settings: Settings) -> DataStream:
    """Read control records from the beginning: the topic is compacted, and the last record of each key is in force."""
    starts = jvm.jvm().org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer
    kinds = {settings.kafka.topics.control: Kind.CONTROL}
    options = _CONSUMER | _LOW_RATE
    stream = _read(environment, settings, Uid.CONTROL, kinds, _envelopes(kinds, [0]), starts.earliest(), options)
    return stream.set_parallelism(1)


def read_lists(environment: StreamExecutionEnvironment, settings: Settings, users: Shards) -> DataStream:
    """Read entries of lists from the beginning, each for the shard of its entity; those of shared kinds for all."""
    starts = jvm.jvm().org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer
    shared = jvm.strings(sorted(entity.value for entity in SHARED))
    schema = jvm.edge().ListDeserializer(Kind.LIST_ENTRY.value, shared, jvm.longs(users.keys))
    topics = [settings.kafka.topics.lists]
    options = _CONSUMER | _LOW_RATE
    stream = _read(environment, settings, Uid.LISTS, topics, schema, starts.earliest(), options)
    return stream.set_parallelism(1)


def _envelopes(kinds: Mapping[str, Kind], shard_keys: Sequence[int]) -> JavaObject:
    """Schema of records whose shard is that of their key."""
    letters = jvm.strings([kind.value for kind in kinds.values()])
    return jvm.edge().EnvelopeDeserializer(
        jvm.strings(list(kinds)), letters, jvm.longs(shard_keys), Kind.TRANSACTION.value
    )


def _read(
    environment: StreamExecutionEnvironment,
    settings: Settings,
    uid: Uid,
    topics: Iterable[str],
    schema: JavaObject,
    start: JavaObject,
    options: Mapping[str, str],
) -> DataStream:
    java, kafka = jvm.jvm(), settings.kafka
    source = (
        java.org.apache.flink.connector.kafka.source.KafkaSource.builder()
        .setBootstrapServers(kafka.bootstrap_servers)
        .setGroupId(kafka.consumer_group)
        .setTopics(jvm.strings(list(topics)))
        .setStartingOffsets(start)
        .setProperties(jvm.properties({"auto.offset.reset": "earliest", **options, **kafka.properties}))
        .setDeserializer(schema)
        .build()
    )
    watermarks = java.org.apache.flink.api.common.eventtime.WatermarkStrategy.noWatermarks()
    stream = environment._j_stream_execution_environment.fromSource(source, watermarks, uid.value)
    return DataStream(stream.uid(uid.value).name(uid.value.replace("-", " ")))


def write(
    records: DataStream, settings: Settings, uid: Uid, *, exactly_once: bool = False, payments: str = ""
) -> JavaObject:
    """Write rows of (topic, key, value, header values) to Kafka.

    Args:
        records: to write.
        settings: of Kafka and the job.
        uid: of the sink.
        exactly_once: whether records are committed with the checkpoint, once each; otherwise they are written at once,
            and again after a failure.
        payments: topic whose records are payments: the time until the broker has them is measured.

    Returns:
        Java ``DataStreamSink``.
    """
    java, job, kafka = jvm.jvm(), settings.job, settings.kafka
    base = java.org.apache.flink.connector.base.DeliveryGuarantee
    limit = max(MIB, kafka.max_record_bytes)
    # Batches are compressed: a producer's limit is of the record as it is, a broker's of what it gets.
    size = {"max.request.size": str(limit)}
    measured = {"interceptor.classes": "sentinel.edge.Acknowledgements"} if payments else {}
    once = {"transaction.timeout.ms": str(job.transaction_timeout_s * 1000)} if exactly_once else {}
    builder = (
        java.org.apache.flink.connector.kafka.sink.KafkaSink.builder()
        .setBootstrapServers(kafka.bootstrap_servers)
        .setRecordSerializer(
            jvm.edge().RecordSerializer(
                jvm.strings(HEADERS), min(limit, kafka.max_record_bytes) - _MARGIN_BYTES, payments
            )
        )
        .setDeliveryGuarantee(base.EXACTLY_ONCE if exactly_once else base.AT_LEAST_ONCE)
        .setKafkaProducerConfig(jvm.properties({**size, **measured, **once, **_PRODUCER, **kafka.properties}))
    )
    if exactly_once:
        # Must not change: a restarted job finds its open transactions by this prefix.
        builder.setTransactionalIdPrefix(f"{job.name}-{uid.value}")
    return records._j_data_stream.sinkTo(builder.build()).uid(uid.value).name(uid.value.replace("-", " "))
