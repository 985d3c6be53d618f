"""From score to decision: bands, levels, and what is written for the consumer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Action = Literal["block", "challenge", "monitor", "approve"]
Level = Literal["critical", "high", "medium", "low", "minimal"]

_LEVELS: tuple[tuple[float, Level], ...] = ((0.9, "critical"), (0.7, "high"), (0.5, "medium"), (0.3, "low"))
_STRENGTH: dict[Level, int] = {"critical": 4, "high": 3, "medium": 2, "low": 1, "minimal": 0}
SCORE_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where actions begin, shares of 1; monitor <= challenge <= block. Below all of them it is approved."""

    block: float = 0.9
    challenge: float = 0.7
    monitor: float = 0.5
    alert: float = 0.7

    def action(self, score: float) -> Action:
        """What is done at a score; monitored payments are approved and watched."""
        if score < self.monitor:
            return "approve"
        if score >= self.block:
            return "block"
        return "challenge" if score >= self.challenge else "monitor"

    def floor(self, action: str | None) -> float:
        """The lowest score at which an action is taken; 0 for none."""
        return 0.0 if action is None else float(getattr(self, action))


def level(score: float) -> Level:
    """How grave a score is; most are below all floors."""
    if score < _LEVELS[-1][0]:
        return "minimal"
    for floor, name in _LEVELS:
        if score >= floor:
            return name
    return "minimal"


def max_level(one: Level, other: Level) -> Level:
    """The graver of two levels."""
    return one if _STRENGTH[one] >= _STRENGTH[other] else other


def alert_id(user_id: str, transaction_id: str) -> str:
    """The same for the same transaction, whenever and wherever it is decided: 32 hexadecimal digits."""
    return hashlib.blake2b(f"{user_id}\0{transaction_id}".encode(), digest_size=16).hexdigest()


class ModelAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the model said; ``fallback`` when none could be asked and rules decided alone."""

    version: str | None
    score: float | None
    fallback: bool


class Versions(msgspec.Struct, frozen=True, gc=False):
    """What was in force; patterns by id."""

    rules: int
    patterns: dict[str, int]
    model: str | None


class Decision(msgspec.Struct, gc=False):
    """What is written to ``decisions``, once for each transaction; times in epoch milliseconds.

    ``degraded``: no model answered, or the transaction came later than features are exact for.
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
    shadow: dict[str, Any]
    features: dict[str, float | None]
    versions: Versions
    event_time: int
    decided_at: int
    late: bool
    degraded: bool


class Alert(Decision, kw_only=True, gc=False):
    """What is written to ``alerts``: the decision, and what is needed to act on it.

    ``transaction`` is the record as it came.
    """

    alert_id: str
    severity: Level
    recommended_action: Action
    requires_action: bool
    pattern_transactions: list[str]
    amount: float
    transaction: msgspec.Raw
