"""What a change of control would have decided on the newest decisions; the decision engine of the job decides again.

Only decisions that carry their features can be decided again: those of alerts, and a sample of the others
(``decision.sampled_features``). Each of them stands for all decisions of its group, so shares hold for all traffic.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import numpy as np

from apps.backtest.judge import KnownScores
from deploy.clients import kafka_clients
from flink_jobs.settings import Settings
from udfs.conditions.derived_names import OnList, parse_derived
from udfs.control.in_force import ControlInForce
from udfs.decision import Action
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import Match, PatternSet
from udfs.records.transaction import reread_transaction
from udfs.stages.decision_engine import DecisionEngine
from udfs.stages.minute_totals import MinuteAggregator
from udfs.stages.stage_message import Payment

ACTIONS: tuple[Action, ...] = ("block", "challenge", "monitor", "approve")
WITHIN_MS = 3_600_000
MAX_DECISIONS = 100_000
"""Decisions read at most: some seconds, and enough for shares to a thousandth."""
_BATCH = 4_096
_IN_DECISIONS = frozenset({"user_id", "merchant_id", "event_time"})
"""Fields of payments that decisions have."""
Records = Mapping[tuple[str, str], bytes]
"""Values of transaction records by user and transaction id."""
_VERSION = "recorded"


class ModelScore(msgspec.Struct, frozen=True):
    """The part of a decision about its model that is needed to decide it again."""

    score: float | None = None


class PastDecision(msgspec.Struct, frozen=True):
    """The part of a decision that is needed to decide it again; ``features`` is empty if it does not carry them."""

    transaction_id: str
    user_id: str
    merchant_id: str
    action: Action
    score: float
    event_time: int
    model: ModelScore
    patterns: tuple[str, ...] = ()
    features: dict[str, float | None] = {}
    lists: tuple[str, ...] = ()


class NewDecision(msgspec.Struct):
    """The part of a new decision that a preview counts."""

    action: Action
    rules: list[str]
    patterns: list[str]


class _Identified(msgspec.Struct):
    transaction_id: str


_id_decoder = msgspec.json.Decoder(_Identified)
_recorded_decoder = msgspec.json.Decoder(PastDecision)
_decided_decoder = msgspec.json.Decoder(NewDecision)
Numbers = defaultdict[str, float]


def _numbers() -> Numbers:
    return defaultdict(float)


@dataclass
class Preview:
    """What changes on recorded decisions; but for the first three, numbers are estimates for all decisions read.

    Attributes:
        decisions: number read.
        decided_again: number that carry features.
        flipped: number of these whose action changes.
        unknown: decisions in groups of which none carries features.
        actions_before: decisions by action under the set in force; only of groups that are known.
        actions_after: the same under the other set.
        fires_before: decisions by rule or pattern that speaks, under the set in force.
        fires_after: the same under the other set.
        flips: decisions whose action changes, by the action before and after.
    """

    decisions: int = 0
    decided_again: int = 0
    flipped: int = 0
    unknown: int = 0
    actions_before: Numbers = field(default_factory=_numbers)
    actions_after: Numbers = field(default_factory=_numbers)
    fires_before: Numbers = field(default_factory=_numbers)
    fires_after: Numbers = field(default_factory=_numbers)
    flips: Numbers = field(default_factory=_numbers)

    def add(self, before: NewDecision, after: NewDecision, weight: float) -> None:
        """Count a decision that stands for ``weight`` of them."""
        self.actions_before[before.action] += weight
        self.actions_after[after.action] += weight
        for decided, fires in ((before, self.fires_before), (after, self.fires_after)):
            for name in (*decided.rules, *decided.patterns):
                fires[name] += weight
        if before.action != after.action:
            self.flipped += 1
            self.flips[f"{before.action} -> {after.action}"] += weight

    def line(self) -> str:
        """Say of how many decisions this speaks."""
        text = f"{self.decisions:,} decisions of the last hour, {self.decided_again:,} with features decided again"
        return text + (
            f"; nothing is known of {self.unknown:,}, as none like them carries features" * bool(self.unknown)
        )

    def shift(self) -> tuple[Action, float]:
        """The action whose share changes most, and by how much, -1 to 1."""
        shifts = {action: self.actions_after[action] - self.actions_before[action] for action in ACTIONS}
        action = max(ACTIONS, key=lambda each: abs(shifts[each]))
        return action, shifts[action] / max(1, self.decisions)


def read_recent_decisions(settings: Settings) -> list[PastDecision]:
    """Read the decisions of the last hour, or the newest if there are more than ``MAX_DECISIONS``.

    Raises:
        OperationError: no Kafka answers, or there is no topic.
    """
    since_ms = round(time.time() * 1000) - WITHIN_MS
    messages = kafka_clients.read_recent(settings, settings.kafka.topics.decisions, since_ms, MAX_DECISIONS)
    return [_recorded_decoder.decode(value) for message in messages if (value := message.value())]


def needs_records(control: ControlInForce) -> bool:
    """Whether rules use fields of payments that decisions do not have."""
    names = set(control.rules.fields) - _IN_DECISIONS
    return any(not isinstance(parse_derived(name), OnList) for name in names)


def read_recent_records(settings: Settings) -> Records:
    """Read the transactions of the last hour, or the newest if there are more than ``MAX_DECISIONS``.

    Raises:
        OperationError: no Kafka answers, or there is no topic.
    """
    since_ms = round(time.time() * 1000) - WITHIN_MS
    messages = kafka_clients.read_recent(settings, settings.kafka.topics.transactions, since_ms, MAX_DECISIONS)
    found: dict[tuple[str, str], bytes] = {}
    for message in messages:
        value, key = message.value(), message.key()
        if value and key:
            with suppress(msgspec.DecodeError):  # refused by the job
                found[key.decode(errors="replace"), _id_decoder.decode(value).transaction_id] = value
    return found


def preview(
    decisions: Sequence[PastDecision], before: ControlInForce, after: ControlInForce, records: Records | None = None
) -> Preview:
    """Decide recorded decisions under two sets of control, and count what differs.

    Matches are taken from the decisions, since patterns need what came before: a pattern that is removed, switched off
    or has another score is seen, one that is new or matches otherwise is not. Suppressions are not recorded in
    decisions, and are left out on both sides.

    Args:
        decisions: in any order.
        before: what is in force.
        after: what would be.
        records: of the payments, if a rule of either set needs them (``needs_records``). A decision without one is not
            decided again.
    """

    def group(decision: PastDecision) -> tuple[Action, bool]:
        # All alerts carry features: together with the others of their action, they would be no sample.
        return decision.action, decision.score >= before.thresholds.alert

    found = Preview(decisions=len(decisions))
    known = [each for each in decisions if each.features and (records is None or _key(each) in records)]
    found.decided_again = len(known)
    numbers, known_numbers = Counter(map(group, decisions)), Counter(map(group, known))
    found.unknown = sum(number for each, number in numbers.items() if each not in known_numbers)
    for batch in (known[start : start + _BATCH] for start in range(0, len(known), _BATCH)):
        for recorded, one, other in zip(
            batch, _decide(batch, before, records), _decide(batch, after, records), strict=True
        ):
            found.add(one, other, numbers[group(recorded)] / known_numbers[group(recorded)])
    return found


def _key(decision: PastDecision) -> tuple[str, str]:
    return decision.user_id, decision.transaction_id


def _decide(decisions: Sequence[PastDecision], control: ControlInForce, records: Records | None) -> list[NewDecision]:
    payments = [
        _payment(each, control.patterns, None if records is None else records[_key(each)]) for each in decisions
    ]
    features = np.array(
        [
            [np.nan if (value := each.features.get(name)) is None else value for name in FEATURE_NAMES]
            for each in decisions
        ]
    )
    # A model that did not answer adds nothing, and neither does a score of 0.
    model = KnownScores(_VERSION)
    model.scores = np.array([each.model.score or 0.0 for each in decisions])
    engine = DecisionEngine(model, 0, FEATURE_NAMES)
    written = engine.decide(payments, features, control, control.patterns, MinuteAggregator(0), 0).decisions
    return [_decided_decoder.decode(value) for value in written]


def _payment(decision: PastDecision, patterns: PatternSet, record: bytes | None) -> Payment:
    matches = tuple(
        Match(pattern.id, pattern.version, (), pattern.score, pattern.reason, pattern.severity)
        for pattern in patterns.all
        if pattern.enabled and pattern.id in decision.patterns
    )
    transaction = None if record is None else reread_transaction(record)
    return Payment(
        transaction_id=decision.transaction_id,
        user_id=decision.user_id,
        merchant_id=decision.merchant_id,
        device_id=None if transaction is None else transaction.device_id,
        amount=decision.features.get("amount") or 0.0,
        event_time=decision.event_time,
        declined=transaction is not None and transaction.declined,
        late=False,
        matches=matches,
        value=record or b"",
        lists=decision.lists,
    )
