"""PyFlink as its documentation teaches it: one event per call, ``KeyedProcessFunction`` with ``ValueState``.

It runs on the same cluster as the job, in thread mode, with RocksDB, the same checkpoints, and exactly-once alerts. It
has none of the product's optimizations: no batches, no cache of decoded profiles. It also has no control stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import msgspec
from pyflink.common import Configuration, Row, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.datastream import (
    CheckpointingMode,
    DataStream,
    KeyedProcessFunction,
    OutputTag,
    RuntimeContext,
    StreamExecutionEnvironment,
)
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.state import ValueStateDescriptor

from apps.peers import keyed
from apps.peers.keyed import KeyedStages, RoutedMessage
from apps.peers.options import PeerOptions, read_options
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.peers.work import Decide
from udfs.names import Kind
from udfs.stages.envelope import Envelope, decode_envelope, encode_envelope

PARALLELISM = 2
CHECKPOINT_MS = 5_000
TRANSACTION_MS = 600_000

PEERS = (
    Peer(
        name="pyflink",
        title="PyFlink by the book, one event a call",
        module=__name__,
        runtime=Runtime.ON_FLINK,
        guarantees=Guarantees(
            state="RocksDB with checkpoints (5 s); clocks begin anew",
            alerts="exactly once, with the checkpoint",
            late="corrected; lateness judged by subtask",
            live="no",
            rescale="savepoint",
        ),
    ),
)

_BYTES = Types.PICKLED_BYTE_ARRAY()  # state of the plain byte array type cannot be read before it is set
_MESSAGE = Types.ROW([Types.BOOLEAN(), Types.STRING(), _BYTES])
_ALERTS = OutputTag("alerts", Types.STRING())


class _Peek(msgspec.Struct):
    """Fields that distinguish the three kinds of records: the source delivers values without their topic."""

    user_id: str = ""
    kind: str | None = None
    label: str | None = None


_peek = msgspec.json.Decoder(_Peek)


def user_of(value: str) -> str:
    """Return the key of an event; empty for a record that cannot be decoded."""
    try:
        return _peek.decode(value).user_id
    except msgspec.MsgspecError:
        return ""


def to_envelope(value: str) -> bytes:
    """Encode an event as an envelope; the source provides neither topic nor partition."""
    try:
        peeked = _peek.decode(value)
    except msgspec.MsgspecError:
        peeked = _Peek()
    is_event, is_label = peeked.kind is not None, peeked.label is not None
    kind = Kind.ACCOUNT_EVENT if is_event else Kind.LABEL if is_label else Kind.TRANSACTION
    return encode_envelope(Envelope(kind, 0, 0, peeked.user_id.encode(), value.encode()))


class _Keyed(KeyedProcessFunction):
    """Runs a stage on the profile of one key."""

    def __init__(self, name: str, model: str) -> None:
        self._name, self._model = name, model

    def open(self, runtime_context: RuntimeContext) -> None:
        self._profile = runtime_context.get_state(ValueStateDescriptor(self._name, _BYTES))
        self._stages = KeyedStages(self._model)

    def _update(self, packed: bytes | None) -> None:
        if packed is not None:
            self._profile.update(packed)


class _Users(_Keyed):
    def process_element(self, value: str, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        messages, packed = self._stages.user(to_envelope(value), self._profile.value())
        self._update(packed)
        yield from _rows(messages)


class _Devices(_Keyed):
    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        messages, packed = self._stages.device(value[2], self._profile.value())
        self._update(packed)
        yield from _rows(messages)


class _Merchants(_Keyed):
    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[object]:
        batch, packed = self._stages.merchant([value[2]], self._profile.value())
        self._update(packed)
        for decision in batch.decisions:
            yield decision.decode()
        for alert in batch.alerts:
            yield _ALERTS, alert.decode()


def _rows(messages: list[RoutedMessage]) -> Iterator[Row]:
    for each in messages:
        yield Row(*each)


def in_memory() -> Decide:
    """Decide events one by one in this process, without Flink and Kafka."""
    stages = KeyedStages()
    decide = keyed.in_memory(stages, lambda record: user_of(_text(record)))
    return lambda records, now_ms: decide([to_envelope(_text(record)) for record in records], now_ms)


def _text(record: bytes) -> str:
    return (decode_envelope(record).value or b"").decode()


def build(options: PeerOptions) -> StreamExecutionEnvironment:
    """Build the job."""
    configuration = Configuration()
    configuration.set_string("python.execution-mode", "thread")
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(PARALLELISM)
    # Chained Python operators share a thread but not a Python thread state. Compiled code that checks for the
    # interpreter lock then sees the state of the first operator, and deadlocks.
    environment.disable_operator_chaining()
    environment.enable_checkpointing(CHECKPOINT_MS, CheckpointingMode.EXACTLY_ONCE)

    # No watermarks: the stages read event time from the events, and use no Flink windows.
    events = environment.from_source(_source(options), WatermarkStrategy.no_watermarks(), "events")
    from_users = events.key_by(user_of, Types.STRING()).process(_Users("users", options.model), _MESSAGE)
    to_devices = from_users.filter(lambda each: each[0])
    to_merchants = from_users.filter(lambda each: not each[0])
    from_devices = to_devices.key_by(lambda each: each[1], Types.STRING()).process(
        _Devices("devices", options.model), _MESSAGE
    )
    by_merchant = to_merchants.union(from_devices).key_by(lambda each: each[1], Types.STRING())
    decided = by_merchant.process(_Merchants("merchants", options.model), Types.STRING())
    _write(decided, options, options.decisions, exactly_once=False)
    _write(decided.get_side_output(_ALERTS), options, options.alerts, exactly_once=True)
    return environment


def _source(options: PeerOptions) -> KafkaSource:
    return (
        KafkaSource.builder()
        .set_bootstrap_servers(options.kafka["bootstrap.servers"])
        .set_topics(*options.inputs)
        .set_group_id(options.group)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_property("max.partition.fetch.bytes", str(32 * 1024))
        .set_property("fetch.max.wait.ms", "10")
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )


def _write(stream: DataStream, options: PeerOptions, topic: str, *, exactly_once: bool) -> None:
    serializer = (
        KafkaRecordSerializationSchema.builder()
        .set_topic(topic)
        .set_value_serialization_schema(SimpleStringSchema())
        .build()
    )
    sink = (
        KafkaSink.builder()
        .set_bootstrap_servers(options.kafka["bootstrap.servers"])
        .set_record_serializer(serializer)
        .set_property("linger.ms", "5")
        .set_property("compression.type", "lz4")
    )
    if exactly_once:
        sink = (
            sink.set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .set_transactional_id_prefix(f"{options.group}-{topic}")
            .set_property("transaction.timeout.ms", str(TRANSACTION_MS))
        )
    else:
        sink = sink.set_delivery_guarantee(DeliveryGuarantee.AT_LEAST_ONCE)
    stream.sink_to(sink.build()).name(topic)


def main() -> None:
    """Submit the job."""
    options = read_options()
    build(options).execute_async(options.group)


if __name__ == "__main__":
    # Imported by name: functions of `__main__` would be pickled by value, and decoders cannot be pickled.
    import_module("apps.peers.pyflink_by_the_book").main()
