"""Read what a campaign left in the topics, and compute the result of each experiment from it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from apps.records import transaction_id
from apps.reference.golden_run import comparable_fields, golden_decisions
from apps.reference.hostile_records import PREFIX
from apps.reference.order_free_traffic import TrafficRecord
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.load_generator import poison_key
from deploy.chaos.reconciliation import RecordedDecision, reconcile
from deploy.chaos.recovery import recovery_s, waits_s
from deploy.clients import kafka_clients
from deploy.clients.dead_letters import SOURCE_OFFSET, SOURCE_PARTITION
from flink_jobs.settings import Settings

READ_WITHIN_S = 240.0


def collect_results(
    settings: Settings,
    experiments: Sequence[Experiment],
    sent: Sequence[TrafficRecord],
    decided_at: Mapping[str, Sequence[float]],
) -> list[ExperimentResult]:
    """Compute the result of each experiment.

    Args:
        settings: of the job.
        experiments: that were completed.
        sent: all records of the campaign, in order.
        decided_at: when each decision was appended, seconds, by transaction id.

    Raises:
        OperationError: a topic cannot be read.
    """
    # A decision on a transaction that was never sent counts against the first experiment.
    owner = defaultdict(int, {name: number for number, each in enumerate(experiments) for name in each.sent_at})
    decisions: defaultdict[int, list[RecordedDecision]] = defaultdict(list)
    alerts: defaultdict[int, list[str]] = defaultdict(list)
    names, threshold = settings.kafka.topics, settings.decision.alert
    for message in kafka_clients.read_all(settings, names.decisions, READ_WITHIN_S):
        decision = msgspec.json.decode(message.value() or b"")
        if decision["user_id"].startswith(PREFIX):
            continue
        name = decision["transaction_id"]
        decisions[owner[name]].append(
            RecordedDecision(name, decision["score"] >= threshold, comparable_fields(decision), decision["degraded"])
        )
    for message in kafka_clients.read_all(settings, names.alerts, READ_WITHIN_S):
        if (message.key() or b"").startswith(PREFIX.encode()):
            continue
        name = transaction_id(message.value() or b"")
        alerts[owner[name]].append(name)
    golden = golden_decisions(sent, round(time.time() * 1000), _partitions(settings))
    letters = _dead_letters(settings)
    return [
        ExperimentResult(
            experiment=each,
            reconciliation=reconcile(
                each.sent_at.keys(), decisions[number], alerts[number], golden, each.compared_prefix
            ),
            recovery_s=recovery_s(each.injected_at, each.sent_at, decided_at) if each.measures_recovery else 0.0,
            waits_s=waits_s(each.sent_at, decided_at),
            dead_letters=len(letters[poison_key(each.name)]),
        )
        for number, each in enumerate(experiments)
    ]


def _partitions(settings: Settings) -> Mapping[bytes, int]:
    """The partition of each user's records, which is the same in every topic."""
    names = settings.kafka.topics
    return {
        message.key() or b"": message.partition() or 0
        for topic in (names.transactions, names.labels, names.account_events)
        for message in kafka_clients.read_all(settings, topic, READ_WITHIN_S)
    }


def _dead_letters(settings: Settings) -> defaultdict[bytes, set[tuple[bytes, bytes]]]:
    """Source partition and offset of refused records, by record key: a failure may repeat a dead letter."""
    positions: defaultdict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)
    for message in kafka_clients.read_all(settings, settings.kafka.topics.dead_letters, READ_WITHIN_S):
        headers = dict(message.headers() or ())
        positions[message.key() or b""].add((headers[SOURCE_PARTITION], headers[SOURCE_OFFSET]))
    return positions
