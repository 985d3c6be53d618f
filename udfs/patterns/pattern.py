"""What a pattern is, as it is written: a sequence over one user, device or merchant, in event time.

The terms are those of Flink CEP and of SQL's MATCH_RECOGNIZE; ``udfs/patterns/README.md`` says where ours differ. A
pattern knows the rule and remembers nothing: what was seen of a sequence so far belongs to the profile of the entity
(``udfs.patterns.match_buffer``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Severity = Literal["critical", "high", "medium", "low"]
TRANSACTION = "transaction"
ACCOUNT_EVENT = "account_event"
"""As a kind: an account event of whichever kind."""


class Entity(StrEnum):
    """Over whose events a pattern runs: the stage of that entity observes it."""

    USER = "user"
    DEVICE = "device"
    MERCHANT = "merchant"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a pattern; durations are texts such as ``10 min``.

    Attributes:
        name: by which later steps refer to it.
        kind: of event, or kinds: ``transaction``, kinds of account events, or ``account_event`` for all of these.
        where: condition on the event; empty for every event of its kind.
        times: exactly so many events.
        at_least: so many events, or with ``distinct`` so many different values.
        at_most: no more events than this are taken.
        distinct: the name whose different values are counted.
        optional: a sequence without it matches, too.
        contiguity: ``strict`` allows no event between one of this step and the one before it in the match.
        gap: time between an event of this step and the one before it in the match, at most.
        absent: no such event may lie between the step before and the step after; as the last step, none may follow
            ``within`` that time.
        within: how long an absent event is waited for.
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
        """The kinds of event, as they are given."""
        return (self.kind,) if isinstance(self.kind, str) else tuple(self.kind)


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pattern.

    Attributes:
        id: names the pattern, in decisions and stored profiles as well.
        version: rises with every change of the pattern.
        entity: over whose events it runs.
        steps: in the order in which they happen.
        within: time from the first event of a match to the last, at most.
        after_match: ``skip_past_last`` looks for the next match after the last event of one; ``overlap`` looks for a
            match at every event that can be the last.
        score: a decision's score is at least this, above 0 and up to 1.
        reason: stable reason code of a decision it was part of.
        severity: of the alert.
        hold: how long a match that no payment completed waits for the entity's next payment.
        enabled: whether it is looked for.
        note: why it is there, for people.
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
    """A pattern came true.

    It says itself what follows from it: a stage may have another version in force than the one that decides.

    Attributes:
        pattern: id.
        version: of the pattern.
        transaction_ids: the payments in it, in order of event time.
        score: as of the pattern.
        reason: likewise.
        severity: likewise.
    """

    pattern: str
    version: int
    transaction_ids: tuple[str, ...]
    score: float
    reason: str
    severity: Severity
