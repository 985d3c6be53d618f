"""Thresholds and levels of scores, and the records of decisions and alerts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from udfs.records.rates import Conversion

Action = Literal["block", "challenge", "monitor", "approve"]
Level = Literal["critical", "high", "medium", "low", "minimal"]

_LEVELS: tuple[tuple[float, Level], ...] = ((0.9, "critical"), (0.7, "high"), (0.5, "medium"), (0.3, "low"))
_RANK: dict[Level, int] = {"critical": 4, "high": 3, "medium": 2, "low": 1, "minimal": 0}
SCORE_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Minimum scores of actions and of an alert, 0 to 1, with monitor <= challenge <= block.

    A payment below all of them is approved. A control record of kind ``thresholds`` replaces them while the job runs.
    """

    block: float = 0.9
    challenge: float = 0.7
    monitor: float = 0.5
    alert: float = 0.7

    def action(self, score: float) -> Action:
        """The action at a score; ``monitor`` approves the payment and records it for review."""
        if score < self.monitor:
            return "approve"
        if score >= self.block:
            return "block"
        return "challenge" if score >= self.challenge else "monitor"

    def floor(self, action: str | None) -> float:
        """The minimum score of an action; 0 for None."""
        return 0.0 if action is None else float(getattr(self, action))


def level(score: float) -> Level:
    """The level of a score."""
    if score < _LEVELS[-1][0]:  # nearly all scores
        return "minimal"
    for minimum, name in _LEVELS:
        if score >= minimum:
            return name
    return "minimal"


def max_level(one: Level, other: Level) -> Level:
    """The higher of two levels."""
    return one if _RANK[one] >= _RANK[other] else other


def alert_id(user_id: str, transaction_id: str) -> str:
    """Derive the id of an alert, 32 hexadecimal digits, from its transaction, so that repeated decisions share it."""
    return hashlib.blake2b(f"{user_id}\0{transaction_id}".encode(), digest_size=16).hexdigest()


class ModelAnswer(msgspec.Struct, frozen=True, gc=False):
    """Version and score of the model; ``fallback`` if no model was available and rules decided alone."""

    version: str | None
    score: float | None
    fallback: bool


class Versions(msgspec.Struct, frozen=True, gc=False):
    """Versions in force at the decision; those of patterns by id, that of thresholds as of their control record."""

    rules: int
    patterns: dict[str, int]
    thresholds: int
    model: str | None


class Shadow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the decision would be if the rules in shadow that fired were active; empty if none fired."""

    score: float | None = None
    action: Action | None = None
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


NO_SHADOW = Shadow()


class Decision(msgspec.Struct, gc=False):
    """A record of the topic ``decisions``, one per transaction; times in epoch milliseconds.

    ``degraded`` is true if no model was available, or if the transaction was later than features are exact for;
    ``ahead`` if its event time was ahead of the wall clock by more than the settings tolerate. ``ignored`` names
    optional fields of the record that could not be read, or are no known code. ``conversion`` says how the amount was
    converted to the reference currency, and is null if it was not. ``lists`` names the lists that the entities of the
    payment are on, ``name:entity``.
    """

    transaction_id: str
    user_id: str
    merchant_id: str
    action: Action
    score: float
    level: Level
    model: ModelAnswer
    rules: list[str]
    patterns: list[str]
    reasons: list[str]
    shadow: Shadow
    features: dict[str, float | None]
    versions: Versions
    event_time: int
    decided_at: int
    late: bool
    ahead: bool
    ignored: tuple[str, ...]
    degraded: bool
    conversion: Conversion | None
    lists: tuple[str, ...] = ()


class Alert(Decision, kw_only=True, gc=False):
    """A record of the topic ``alerts``: the decision, and the data needed to act on it.

    ``transaction`` is the unchanged input record.
    """

    alert_id: str
    severity: Level
    recommended_action: Action
    requires_action: bool
    pattern_transactions: list[str]
    amount: float
    transaction: msgspec.Raw
