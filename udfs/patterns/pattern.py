"""What a pattern is: a sequence over one user, device or merchant, in event time, that speaks for fraud.

The terms are those of SQL's MATCH_RECOGNIZE and Flink CEP. A pattern object knows the rule and remembers nothing: what
has been seen of a sequence so far, its *progress*, belongs to the profile of the entity and is handed in.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import msgspec

from udfs.records.transaction import Transaction

Progress = list[Any]
Severity = Literal["critical", "high", "medium", "low"]

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_REASON = re.compile(r"[A-Z][A-Z0-9_]*")


class Entity(StrEnum):
    """Over whose events a pattern runs: the stage of that entity observes it."""

    USER = "user"
    DEVICE = "device"
    MERCHANT = "merchant"


class Match(msgspec.Struct, frozen=True):
    """A pattern came true; ``transaction_ids`` are the payments in it, in order of event time."""

    pattern: str
    version: int
    transaction_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pattern(ABC):
    """The contract; ``tests/contract/test_patterns.py`` runs against every pattern there is.

    Attributes:
        id: names the pattern and its progress in stored profiles. A version that reads progress differently takes
            another id.
        version: rises with every change of what matches.
        entity: over whose events it runs.
        reason: stable reason code of a decision it was part of.
        score: a decision's score is at least this when it matches, above 0 and up to 1.
        severity: of the alert.
    """

    id: str
    version: int
    entity: Entity
    reason: str
    score: float
    severity: Severity

    def __post_init__(self) -> None:
        """Refuse a pattern that could not be stored, explained or scored.

        Raises:
            ValueError: naming the attribute.
        """
        if not _IDENTIFIER.fullmatch(self.id):
            raise ValueError(f"pattern id must be lower case letters, digits and underscores, got {self.id!r}")
        if self.version < 1:
            raise ValueError(f"pattern {self.id}: version must be at least 1, got {self.version}")
        if not _REASON.fullmatch(self.reason):
            raise ValueError(f"pattern {self.id}: reason must be a code LIKE_THIS, got {self.reason!r}")
        if not 0 < self.score <= 1:
            raise ValueError(f"pattern {self.id}: score must be above 0 and at most 1, got {self.score}")

    @abstractmethod
    def touches(self, transaction: Transaction) -> bool:
        """Whether the payment can be a step of this pattern.

        Asked for every payment, so it looks at the payment only: no progress is fetched for one that answers no.
        """

    @abstractmethod
    def observe(self, progress: Progress, transaction: Transaction) -> Match | None:
        """Take in a payment that touches the pattern.

        Args:
            progress: what this method left there for the same entity before; empty at first. It is changed in place,
                stays bounded, and holds only what msgpack carries (numbers, strings, booleans, lists).
            transaction: may be late, and may be one that is in the progress already, which changes nothing.

        Returns:
            A match that this payment made true, or None. Each sequence is reported once.
        """
