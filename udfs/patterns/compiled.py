"""The compiled form of a pattern: compiled conditions, times in milliseconds, one bit per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from udfs.conditions.tree import Predicate
from udfs.patterns.pattern import Match, Pattern
from udfs.records.account_event import AccountEvent

BufferedEvent = list[Any]
"""A buffered event: time, mask of step bits, flags, id, values of ``buffered_names``; a list, as in msgpack."""

TIME, MASK, FLAGS, ID, VALUES = range(5)

MATCH_END = 1
"""Flag: a match ends at the event, as far as is known."""
REPORTED = 2
"""Flag: a match that ends at the event was reported."""
TIMER_FIRED = 4
"""Flag: the timer of the trailing absence after the event has fired."""
PAYMENT = 8
"""Flag: the event is a payment, whose id a match reports."""

Residual = Callable[[BufferedEvent, Sequence[BufferedEvent | None]], bool]
"""The condition on an event together with earlier ones: the event before it, and the bound event of each slot."""


@dataclass(frozen=True, slots=True)
class StepFilter:
    """The part of a step that depends on a single event: its kinds, and its condition without references.

    Attributes:
        bit: bit of the step in an event's mask.
        on_transactions: whether payments can satisfy the step.
        kinds: kinds of account events that can satisfy the step.
        condition: condition without references to other events; None for none.
        accepts_account_event: evaluates the condition on an account event.
    """

    bit: int
    on_transactions: bool
    kinds: frozenset[str]
    condition: Predicate | None
    accepts_account_event: Callable[[AccountEvent], bool]


@dataclass(frozen=True, slots=True)
class Absence:
    """An absent step: its bit, and its condition together with earlier events."""

    bit: int
    residual: Residual | None

    def violated(self, event: BufferedEvent, bound: Sequence[BufferedEvent | None]) -> bool:
        """Whether an event violates the absence."""
        return bool(event[MASK] & self.bit) and (self.residual is None or self.residual(event, bound))


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A step whose events are part of the match; absent steps are ``Absence``.

    Attributes:
        bit: bit of the step in an event's mask.
        min_count: minimum number of events, or of distinct values.
        max_count: maximum number of events; None for no limit.
        optional: whether a match may leave the step out.
        strict: whether each event must directly follow the one before it in the match.
        gap_ms: maximum time since the event before it in the match; None for no limit.
        residual: condition together with earlier events; None for none.
        distinct: index in ``buffered_names`` of the value whose distinct values are counted; None to count events.
        in_bulk: whether the search may take every fitting event between a first and a last one without trying subsets.
        absences: absent steps between the previous step and this one.
        slot: slot by which conditions refer to the step's last event; None if none does.
    """

    bit: int
    min_count: int
    max_count: int | None
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
    """A compiled pattern.

    Attributes:
        pattern: pattern as written.
        fingerprint: hash of everything that determines the content of the match buffer.
        filters: filters of all steps, including absent ones.
        steps: steps whose events are part of the match.
        required: bits of the steps without which there is no match.
        ending: bit of the last step of a match.
        strict: whether any step is strict, so that every event of the pattern's kinds is buffered.
        on_transactions: whether payments are among the pattern's kinds.
        kinds: kinds of account events of the pattern.
        buffered_names: names whose values are buffered with an event, in order.
        slots: number of steps to which conditions refer.
        within_ms: maximum time from the first event of a match to the last.
        trailing_absence: absent step at the end; None for none.
        absence_timeout_ms: how long no event may violate the trailing absence; 0 for none.
        hold_ms: how long a match is pending that no payment completed.
    """

    pattern: Pattern
    fingerprint: int
    filters: tuple[StepFilter, ...]
    steps: tuple[CompiledStep, ...]
    required: int
    ending: int
    strict: bool
    on_transactions: bool
    kinds: frozenset[str]
    buffered_names: tuple[str, ...]
    slots: int
    within_ms: int
    trailing_absence: Absence | None
    absence_timeout_ms: int
    hold_ms: int

    def match(self, events: Sequence[BufferedEvent]) -> Match:
        """Make the match of these events, which are in order of event time."""
        pattern = self.pattern
        transaction_ids = tuple(event[ID] for event in events if event[FLAGS] & PAYMENT)
        return Match(pattern.id, pattern.version, transaction_ids, pattern.score, pattern.reason, pattern.severity)
