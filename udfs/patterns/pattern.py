"""The definition of a pattern: a sequence of events of one user, device or merchant, in event time.

The terms are those of Flink CEP and of MATCH_RECOGNIZE in SQL; ``docs/reference/patterns.md`` lists the differences. A
pattern is stateless: its buffered events are part of the profile of the entity (``udfs.patterns.match_buffer``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Severity = Literal["critical", "high", "medium", "low"]
TRANSACTION = "transaction"
ACCOUNT_EVENT = "account_event"
"""A kind that stands for every kind of account event."""


class Entity(StrEnum):
    """The entity over whose events a pattern is evaluated, in the stage of that entity."""

    USER = "user"
    DEVICE = "device"
    MERCHANT = "merchant"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a pattern; durations are texts such as ``10 min``.

    Attributes:
        name: name by which later steps refer to the step.
        kind: kind of event, or list of kinds: ``transaction``, kinds of account events, or ``account_event`` for all
            account events.
        where: condition on the event; empty for every event of the kind.
        times: exact number of events.
        at_least: minimum number of events, or with ``distinct`` of distinct values.
        at_most: maximum number of events.
        distinct: name whose distinct values are counted.
        optional: whether a match may leave the step out.
        contiguity: ``strict`` allows no event between an event of the step and the one before it in the match.
        gap: maximum time between an event of the step and the one before it in the match.
        absent: whether no such event may occur: between the step before and the step after, or as the last step, for
            the time ``within`` after the match.
        within: how long no event may follow, for an absent last step.
    """

    name: str
    kind: str | list[str] = TRANSACTION
    where: str = ""
    times: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    distinct: str | None = None
    optional: bool = False
    contiguity: Literal["strict", "relaxed"] = "relaxed"
    gap: str | None = None
    absent: bool = False
    within: str | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of events, as written."""
        return (self.kind,) if isinstance(self.kind, str) else tuple(self.kind)


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pattern.

    Attributes:
        id: unique name of the pattern, also in decisions and stored profiles.
        version: increases with every change of the pattern.
        entity: entity over whose events the pattern is evaluated.
        steps: steps in order of event time.
        within: maximum time from the first event of a match to the last.
        after_match: with ``skip_past_last`` the next match starts after the last event of the one before; with
            ``overlap`` every event that can be the last of a match ends one.
        score: minimum score of a decision that reports a match, above 0 and up to 1.
        reason: stable reason code of the decisions that report a match.
        severity: severity of the alert.
        hold: how long a match that no payment completed is pending until the entity's next payment.
        enabled: whether the pattern is evaluated.
        note: purpose of the pattern, for people.
    """

    id: str
    entity: Entity
    steps: list[Step]
    within: str
    score: float
    reason: str
    severity: Severity
    version: int = 1
    after_match: Literal["skip_past_last", "overlap"] = "skip_past_last"
    hold: str = "1 d"
    enabled: bool = True
    note: str = ""


class Match(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A match of a pattern.

    It carries the effect of its pattern, since the stage that decides may have another version in force.

    Attributes:
        pattern: id of the pattern.
        version: version of the pattern.
        transaction_ids: ids of the match's payments, in order of event time.
        score: score of the pattern.
        reason: reason code of the pattern.
        severity: severity of the pattern.
    """

    pattern: str
    version: int
    transaction_ids: tuple[str, ...]
    score: float
    reason: str
    severity: Severity
