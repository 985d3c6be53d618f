"""Quix Streams, as its documentation does it: state by key in RocksDB with changelog topics.

State belongs to a topic and a key. So the three input topics are put into one by user, and what is passed on to devices
and merchants goes through topics of theirs; a shared Redis would give up what one takes Quix Streams for, state that
fits its offsets. ``StreamingDataFrame.concat`` would spare the topic by user, and aligns all topics of an application
by time: with topics that it writes itself among them it waits all the time (it made 4 decisions a second).
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
    """What it does with events one by one, without Quix Streams and Kafka."""
    return keyed.in_memory(KeyedStages(), lambda record: (decode_envelope(record).key or b"").decode())


def run(options: PeerOptions) -> None:
    """Run until it is stopped."""
    import quixstreams  # noqa: PLC0415 - not a dependency of the project: an environment of its own has it

    app = quixstreams.Application(
        broker_address=options.kafka["bootstrap.servers"],
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.own_folder,
        consumer_extra_config=dict(FAIR_FETCHING),
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4"},
        loglevel="WARNING",
    )
    _lay_out(app, options, quixstreams)
    app.run()


def _lay_out(app: Any, options: PeerOptions, quixstreams: Any) -> None:  # noqa: ANN401 - without types here
    """From the three input topics to users, from them to devices and merchants, from those to decisions."""
    stages, kind_of = KeyedStages(options.model), kinds(options)
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes", "key_serializer": "bytes"}

    def output(name: str, config: Any = None) -> Any:  # noqa: ANN401
        return app.topic(name, config=config, value_serializer=_value_serializer(quixstreams), **raw)

    own = quixstreams.models.TopicConfig(num_partitions=PARTITIONS, replication_factor=1)
    by_user = output(f"{options.group}-by-user", own)
    by_device = output(f"{options.group}-by-device", own)
    by_merchant = output(f"{options.group}-by-merchant", own)
    decisions, alerts = output(options.decisions), output(options.alerts)

    def seal(value: bytes, key: bytes, _time: int, _headers: object) -> _Output:
        context = quixstreams.message_context()
        envelope = Envelope(kind_of[context.topic], context.partition, context.offset, key, value)
        return _Output(by_user, key, encode_envelope(envelope))

    def user(record: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        passed, packed = stages.user(record, state.get_bytes(_STATE))
        _keep(state, packed)
        return passed_on(passed)

    def device(handoff: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        passed, packed = stages.device(handoff, state.get_bytes(_STATE))
        _keep(state, packed)
        return passed_on(passed)

    def merchant(handoff: bytes, state: Any) -> list[_Output]:  # noqa: ANN401
        verdicts, packed = stages.merchant([handoff], state.get_bytes(_STATE))
        _keep(state, packed)
        return [
            *map(_Output, repeat(decisions), verdicts.decision_keys, verdicts.decisions),
            *map(_Output, repeat(alerts), verdicts.alert_keys, verdicts.alerts),
        ]

    def passed_on(passed: list[RoutedMessage]) -> list[_Output]:
        return [
            _Output(by_device if each.to_device else by_merchant, each.entity_id.encode(), each.message)
            for each in passed
        ]

    def send(frame: Any) -> None:  # noqa: ANN401
        frame.to_topic(lambda value, *_: value.topic, key=lambda value: value.key)

    for name in options.inputs:
        send(app.dataframe(app.topic(name, **raw)).apply(seal, metadata=True))
    send(app.dataframe(by_user).apply(user, stateful=True, expand=True))
    send(app.dataframe(by_device).apply(device, stateful=True, expand=True))
    send(app.dataframe(by_merchant).apply(merchant, stateful=True, expand=True))


class _Output(NamedTuple):
    """A record and where it goes."""

    topic: Any
    key: bytes
    value: bytes


def _value_serializer(quixstreams: Any) -> Any:  # noqa: ANN401
    class OfOutput(quixstreams.models.Serializer):  # type: ignore[misc]
        def __call__(self, value: _Output, ctx: object) -> bytes:
            return value.value

    return OfOutput()


def _keep(state: Any, packed: bytes | None) -> None:  # noqa: ANN401
    if packed is not None:
        state.set_bytes(_STATE, packed)


if __name__ == "__main__":
    run(read_options())
