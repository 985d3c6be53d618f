"""What a trial left in the topics, and the account of each act drawn from it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from apps.records import transaction_id
from apps.reference.golden_run import compared, computed
from apps.reference.order_free_traffic import Sent
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.load import poisonous_key
from deploy.chaos.reconciliation import Decided, reconcile
from deploy.chaos.recovery import longest_wait_s, recovery_s
from deploy.clients import kafka_clients
from deploy.clients.dead_letters import SOURCE_OFFSET, SOURCE_PARTITION
from flink_jobs.settings import Settings

READ_WITHIN_S = 240.0


def found(
    settings: Settings, acts: Sequence[Experiment], sent: Sequence[Sent], decided_at: Mapping[str, Sequence[float]]
) -> list[ExperimentResult]:
    """The outcome of each act.

    Args:
        settings: of the job.
        acts: that came to their end.
        sent: everything, in order.
        decided_at: when each decision was appended, seconds, by transaction id.

    Raises:
        OperationError: the topics cannot be read.
    """
    # A decision of what nobody sent belongs to no act: the first one answers for it.
    act_of = defaultdict(int, {name: number for number, act in enumerate(acts) for name in act.sent_at})
    decisions: defaultdict[int, list[Decided]] = defaultdict(list)
    alerts: defaultdict[int, list[str]] = defaultdict(list)
    names, threshold = settings.kafka.topics, settings.decision.alert
    for message in kafka_clients.read_all(settings, names.decisions, READ_WITHIN_S):
        told = msgspec.json.decode(message.value() or b"")
        name = told["transaction_id"]
        decision = Decided(name, told["score"] >= threshold, compared(told), told["degraded"])
        decisions[act_of[name]].append(decision)
    for message in kafka_clients.read_all(settings, names.alerts, READ_WITHIN_S):
        name = transaction_id(message.value() or b"")
        alerts[act_of[name]].append(name)
    quiet = computed(sent, round(time.time() * 1000), _partitions(settings))
    letters = _dead_letters(settings)
    return [
        ExperimentResult(
            act=act,
            account=reconcile(act.sent_at.keys(), decisions[number], alerts[number], quiet, act.only),
            recovery_s=recovery_s(act.struck_at, act.sent_at, decided_at) if act.disturbs else 0.0,
            longest_wait_s=longest_wait_s(act.sent_at, decided_at),
            dead_letters=len(letters[poisonous_key(act.name)]),
        )
        for number, act in enumerate(acts)
    ]


def _partitions(settings: Settings) -> Mapping[bytes, int]:
    """In which partition each user's records lie: the same one in every topic."""
    names = settings.kafka.topics
    return {
        message.key() or b"": message.partition() or 0
        for topic in (names.transactions, names.labels, names.account_events)
        for message in kafka_clients.read_all(settings, topic, READ_WITHIN_S)
    }


def _dead_letters(settings: Settings) -> defaultdict[bytes, set[tuple[bytes, bytes]]]:
    """Where the refused records stood, by their keys; a dead letter may come again after a failure."""
    places: defaultdict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)
    for message in kafka_clients.read_all(settings, settings.kafka.topics.dead_letters, READ_WITHIN_S):
        headers = dict(message.headers() or ())
        places[message.key() or b""].add((headers[SOURCE_PARTITION], headers[SOURCE_OFFSET]))
    return places
