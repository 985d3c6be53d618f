"""Bytewax as its documentation recommends: state by key in memory, snapshots in SQLite, keys exchanged by the engine.

Users, devices and merchants are three stateful steps in a row. A key's state stays in one worker, so decoded profiles
can be cached. It runs in one process.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from apps.peers import keyed
from apps.peers.kafka import FAIR_FETCHING, kinds
from apps.peers.keyed import KeyedStages, PackedProfile, RoutedMessage
from apps.peers.options import PeerOptions, read_options
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.peers.work import CACHED_PROFILES, Decide
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.envelope import Envelope, decode_envelope, encode_envelope

SNAPSHOT_S = 5.0
SOURCE_BATCH = 100
"""Records of one partition at a time; with more, the partitions of a backlog are hours of event time apart."""

PEERS = (
    Peer(
        name="bytewax",
        title="Bytewax, one worker",
        module=__name__,
        runtime=Runtime.PROCESSES,
        requirements=("bytewax==0.21.1",),
        guarantees=Guarantees(
            state="in memory, snapshots in SQLite every 5 s",
            alerts="at least once",
            late="corrected; lateness judged by partition",
            live="no",
            rescale="stop, start with more workers",
        ),
    ),
)


def in_memory() -> Decide:
    """Decide events one by one in this process, without Bytewax and Kafka."""
    return keyed.in_memory(KeyedStages(cached_profiles=CACHED_PROFILES), _user_of)


def run(options: PeerOptions) -> None:
    """Run until the process is stopped."""
    from bytewax.recovery import RecoveryConfig, init_db_dir  # noqa: PLC0415 - only in the peers' environment
    from bytewax.run import cli_main  # noqa: PLC0415

    folder = options.process_folder
    init_db_dir(folder, 1)
    cli_main(
        _flow(options),
        workers_per_process=1,
        epoch_interval=timedelta(seconds=SNAPSHOT_S),
        recovery_config=RecoveryConfig(folder, timedelta(seconds=0)),
    )


def _flow(options: PeerOptions) -> Any:  # noqa: ANN401 - Bytewax has no types here
    """Build the dataflow: the input topics by user, then by device and merchant, then decisions."""
    import bytewax.operators as op  # noqa: PLC0415
    from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource  # noqa: PLC0415
    from bytewax.connectors.kafka import operators as kafka_op  # noqa: PLC0415
    from bytewax.dataflow import Dataflow  # noqa: PLC0415

    stages, kind_of = KeyedStages(options.model, CACHED_PROFILES), kinds(options)
    brokers = [options.kafka["bootstrap.servers"]]

    def encode(message: Any) -> tuple[str, bytes]:  # noqa: ANN401
        envelope = Envelope(kind_of[message.topic], message.partition, message.offset, message.key, message.value)
        return (message.key or b"").decode(), encode_envelope(envelope)

    def user(packed: PackedProfile, record: bytes) -> tuple[PackedProfile, Iterable[RoutedMessage]]:
        messages, packed = stages.user(record, packed)
        return packed, messages

    def device(packed: PackedProfile, routed: RoutedMessage) -> tuple[PackedProfile, Iterable[RoutedMessage]]:
        further, packed = stages.device(routed.message, packed)
        return packed, further

    def merchant(packed: PackedProfile, routed: RoutedMessage) -> tuple[PackedProfile, Iterable[Any]]:
        decisions, packed = stages.merchant([routed.message], packed)
        return packed, outputs(decisions)

    def outputs(batch: DecisionBatch) -> list[Any]:
        decided = zip(batch.decision_keys, batch.decisions, strict=True)
        alerted = zip(batch.alert_keys, batch.alerts, strict=True)
        return [
            *(KafkaSinkMessage(key, value, topic=options.decisions) for key, value in decided),
            *(KafkaSinkMessage(key, value, topic=options.alerts) for key, value in alerted),
        ]

    flow = Dataflow(options.group)
    source = KafkaSource(brokers, options.inputs, add_config=_as_text(FAIR_FETCHING), batch_size=SOURCE_BATCH)
    by_user = op.map("encode", op.input("events", flow, source), encode)
    from_users = op.key_rm("from users", op.stateful_flat_map("users", by_user, user))
    branches = op.branch("with a device", from_users, lambda each: each.to_device)
    by_device = op.key_on("by device", branches.trues, lambda each: each.entity_id)
    from_devices = op.key_rm("from devices", op.stateful_flat_map("devices", by_device, device))
    by_merchant = op.key_on("by merchant", op.merge("all", branches.falses, from_devices), lambda each: each.entity_id)
    decided = op.key_rm("decided", op.stateful_flat_map("merchants", by_merchant, merchant))
    # The sink flushes after every batch, so lingering would only delay it.
    settings = {"linger.ms": "0", "compression.type": "lz4"}
    kafka_op.output("decisions", decided, brokers=brokers, topic=None, add_config=settings)
    return flow


def _user_of(record: bytes) -> str:
    return (decode_envelope(record).key or b"").decode()


def _as_text(properties: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in properties.items()}


if __name__ == "__main__":
    run(read_options())
