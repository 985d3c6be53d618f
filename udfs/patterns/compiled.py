"""A pattern as it is asked: its conditions compiled, its times in milliseconds, its steps with their bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from udfs.conditions.tree import Truth
from udfs.patterns.pattern import Match, Pattern

Event = list[Any]
"""A remembered event: time, mask, flags, id, then the values that conditions refer to; a list, as msgpack has it."""

TIME, MASK, FLAGS, ID, VALUES = range(5)

ENDS = 1
"""Flag: a match ends here, as far as is known now."""
REPORTED = 2
"""Flag: a match that ends here was reported."""
SETTLED = 4
"""Flag: what was waited for after this event has been looked at."""
PAYMENT = 8
"""Flag: the event is a payment, and a match names it."""

Residual = Callable[[Event, Sequence[Event | None]], bool]
"""Whether an event fits with those that were taken before: the one just before it, and those that are referred to."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What is asked of an event by itself, before any match: a step's kinds, and the part of its condition for that.

    Attributes:
        bit: of the step in an event's mask.
        on_transactions: whether payments are asked.
        kinds: of account events that are asked.
        condition: None if all of them fit.
        of_account_event: the condition, to be asked of the fields of an account event in their order.
    """

    bit: int
    on_transactions: bool
    kinds: frozenset[str]
    condition: Truth | None
    of_account_event: Callable[[Sequence[float]], bool]


@dataclass(frozen=True, slots=True)
class Absence:
    """An event that must not be there: the bit of its step, and what it has to fit with."""

    bit: int
    residual: Residual | None

    def violated(self, event: Event, bound: Sequence[Event | None]) -> bool:
        """Whether the event is one."""
        return bool(event[MASK] & self.bit) and (self.residual is None or self.residual(event, bound))


@dataclass(frozen=True, slots=True)
class Taken:
    """A step whose events are part of the match.

    Attributes:
        bit: in an event's mask.
        low: events at least, or different values.
        high: events at most, or None.
        optional: whether it may be left out.
        strict: no event may lie in front of each of its events.
        gap_ms: since the event before, at most; None for any.
        residual: what its events have to fit with; None for nothing.
        distinct: place of the value whose different values are counted, or None.
        in_bulk: whether between a first and a last event every fitting one can be taken, so that none need be tried.
        absences: what must not lie between the step before and this one.
        slot: under which its last event is referred to, or None.
    """

    bit: int
    low: int
    high: int | None
    optional: bool
    strict: bool
    gap_ms: int | None
    residual: Residual | None
    distinct: int | None
    in_bulk: bool
    absences: tuple[Absence, ...]
    slot: int | None


@dataclass(frozen=True, slots=True)
class CompiledPattern:
    """A pattern, ready to be asked.

    Attributes:
        pattern: as it is written.
        fingerprint: of what is remembered for it: it changes when that does.
        observed: of every step, absent ones too.
        steps: that are taken.
        required: bits without which there is no match.
        ending: bit of the last step that is taken.
        strict: whether any step is, so that every event of its kinds is remembered.
        on_transactions: whether payments are of its kinds.
        kinds: of account events.
        kept: names whose values are remembered of an event, in order.
        slots: how many steps are referred to.
        within_ms: length of a match.
        trailing: what must not follow, or None.
        wait_ms: how long it must not; 0 where nothing is waited for.
        hold_ms: how long a match waits for a payment.
    """

    pattern: Pattern
    fingerprint: int
    observed: tuple[Observed, ...]
    steps: tuple[Taken, ...]
    required: int
    ending: int
    strict: bool
    on_transactions: bool
    kinds: frozenset[str]
    kept: tuple[str, ...]
    slots: int
    within_ms: int
    trailing: Absence | None
    wait_ms: int
    hold_ms: int

    def match(self, events: Sequence[Event]) -> Match:
        """The match that these events are, in order."""
        pattern = self.pattern
        named = tuple(event[ID] for event in events if event[FLAGS] & PAYMENT)
        return Match(pattern.id, pattern.version, named, pattern.score, pattern.reason, pattern.severity)
