"""Quix Streams as its documentation recommends: state by key in RocksDB with changelog topics.

State belongs to a topic and a key. So the three input topics are merged into one topic by user, and messages to devices
and merchants go through two more topics. ``StreamingDataFrame.concat`` would avoid the topic by user, but it aligns all
topics of an application by time, and so blocks on the topics that the application writes itself.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any, NamedTuple

from apps.peers import keyed
from apps.peers.kafka import FAIR_FETCHING, kinds
from apps.peers.keyed import KeyedStages, RoutedMessage
from apps.peers.options import PeerOptions, read_options
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.peers.work import Decide
from udfs.stages.envelope import Envelope, decode_envelope, encode_envelope

PARTITIONS = 12
NEEDS = ("quixstreams==3.28.1",)
_STATE = "profile"

_PROMISES = Guarantees(
    state="RocksDB and a changelog topic, with each commit (5 s)",
    alerts="at least once (exactly once as an option, then with the commit)",
    late="corrected; lateness judged by partition",
    live="no",
    rescale="start more, up to the partitions; state is read from the changelog first",
)

PEERS = tuple(
    Peer(
        name=name,
        title=title,
        module=__name__,
        runtime=Runtime.PROCESSES,
        guarantees=_PROMISES,
        processes=processes,
        requirements=NEEDS,
    )
    for name, title, processes in (
        ("quix", "Quix Streams, one process", 1),
        ("quix-2", "Quix Streams, two processes", 2),
    )
)


def in_memory() -> Decide:
    """Decide events one by one in this process, without Quix Streams and Kafka."""
    return keyed.in_memory(KeyedStages(), lambda record: (decode_envelope(record).key or b"").decode())


def run(options: PeerOptions) -> None:
    """Run until the process is stopped."""
    import quixstreams  # noqa: PLC0415 - only in the peers' environment

    app = quixstreams.Application(
        broker_address=options.kafka["bootstrap.servers"],
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.process_folder,
        consumer_extra_config=dict(FAIR_FETCHING),
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4"},
        loglevel="WARNING",
    )
    _build(app, options, quixstreams)
    app.run()


def _build(app: Any, options: PeerOptions, quixstreams: Any) -> None:  # noqa: ANN401 - quixstreams has no types here
    """Build the dataflow: the input topics by user, then by device and merchant, then decisions."""
    stages, kind_of = KeyedStages(options.model), kinds(options)
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes", "key_serializer": "bytes"}

    def output(name: str, config: Any = None) -> Any:  # noqa: ANN401
        return app.topic(name, config=config, value_serializer=_value_serializer(quixstreams), **raw)

    repartitioned = quixstreams.models.TopicConfig(num_partitions=PARTITIONS, replication_factor=1)
    by_user = output(f"{options.group}-by-user", repartitioned)
    by_device = output(f"{options.group}-by-device", repartitioned)
    by_merchant = output(f"{options.group}-by-merchant", repartitioned)
    decisions, alerts = output(options.decisions), output(options.alerts)

    def encode(value: bytes, key: bytes, _time: int, _headers: object) -> _Output:
        context = quixstreams.message_context()
        envelope = Envelope(kind_of[context.topic], context.partition, context.offset, key, value)
        return _Output(by_user, key, encode_envelope(envelope))

    def user(record: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        messages, packed = stages.user(record, state.get_bytes(_STATE))
        _update(state, packed)
        return routed(messages)

    def device(message: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        messages, packed = stages.device(message, state.get_bytes(_STATE))
        _update(state, packed)
        return routed(messages)

    def merchant(message: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        batch, packed = stages.merchant([message], state.get_bytes(_STATE))
        _update(state, packed)
        return [
            *map(_Output, repeat(decisions), batch.decision_keys, batch.decisions),
            *map(_Output, repeat(alerts), batch.alert_keys, batch.alerts),
        ]

    def routed(messages: list[RoutedMessage]) -> list[_Output]:
        return [
            _Output(by_device if each.to_device else by_merchant, each.entity_id.encode(), each.message)
            for each in messages
        ]

    def send(frame: Any) -> None:  # noqa: ANN401
        frame.to_topic(lambda value, *_: value.topic, key=lambda value: value.key)

    for name in options.inputs:
        send(app.dataframe(app.topic(name, **raw)).apply(encode, metadata=True))
    send(app.dataframe(by_user).apply(user, stateful=True, expand=True))
    send(app.dataframe(by_device).apply(device, stateful=True, expand=True))
    send(app.dataframe(by_merchant).apply(merchant, stateful=True, expand=True))


class _Output(NamedTuple):
    """A record and its topic."""

    topic: Any
    key: bytes
    value: bytes


def _value_serializer(quixstreams: Any) -> Any:  # noqa: ANN401
    class OfOutput(quixstreams.models.Serializer):  # type: ignore[misc]
        def __call__(self, value: _Output, ctx: object) -> bytes:
            return value.value

    return OfOutput()


def _update(state: Any, packed: bytes | None) -> None:  # noqa: ANN401
    if packed is not None:
        state.set_bytes(_STATE, packed)


if __name__ == "__main__":
    run(read_options())
