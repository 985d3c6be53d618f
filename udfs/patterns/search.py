"""Find the match of a pattern that ends at an event.

A match assigns buffered events, in order of event time, to the steps of the pattern, so that every step's conditions
hold. Of all matches that end at the same event, the one with the most events is reported, and of those the earliest: an
analyst wants to see every event of an attack.

The search proceeds from the first step to the last and memoizes the longest continuation for each (step, count, last
event, bindings). A step whose events do not constrain each other is taken in bulk: every fitting event between its
first and its last one is part of the match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from udfs.patterns.compiled import MASK, TIME, VALUES, Absence, BufferedEvent, CompiledPattern, CompiledStep

MAX_CANDIDATES = 8_000
"""Maximum number of candidates examined for one event, about 20 ms. Only a pattern with several steps that fit nearly
every event and refer to several earlier steps exceeds it."""

Positions = tuple[int, ...]
"""Positions of the events of a match in the buffer, ascending."""
Bindings = tuple[int, ...]
"""Position of the last event of each referenced step; ``_NOWHERE`` for a step without one."""
_NOWHERE = -1
_COMPLETE = 0
"""Count in the memo of a step that takes no further events."""


class Budget:
    """Limits the work of all searches that one event triggers.

    Attributes:
        remaining: candidates that may still be examined.
        truncated: searches that ended because the budget was exhausted.
    """

    __slots__ = ("remaining", "truncated")

    def __init__(self, candidates: int = MAX_CANDIDATES) -> None:
        self.remaining = candidates
        self.truncated = 0


def find_match(
    pattern: CompiledPattern, events: Sequence[BufferedEvent], low: int, end: int, budget: Budget
) -> Positions | None:
    """Find the match that ends at an event.

    Args:
        pattern: pattern to search for.
        events: buffered events of one key, in order of event time.
        low: position of the first event that the match may use.
        end: position of the last event of the match.
        budget: budget of the event that triggered the search.

    Returns:
        Positions of the match's events, or None if there is no match. If the budget is exhausted, the best match found
        so far, which need not be the longest, or None.
    """
    earliest = events[end][TIME] - pattern.within_ms
    first, bits = end + 1, 0
    while first > low and events[first - 1][TIME] >= earliest:
        first -= 1
        bits |= events[first][MASK]
    if bits & pattern.required != pattern.required:
        return None
    search = _Search(pattern, events, first, end, budget)
    positions = search.continue_after(_NOWHERE, _NOWHERE, (_NOWHERE,) * pattern.slots)
    budget.truncated += search.truncated
    return positions


def trailing_absence_holds(pattern: CompiledPattern, events: Sequence[BufferedEvent], positions: Positions) -> bool:
    """Whether no buffered event violates the trailing absence of a match."""
    absence = pattern.trailing_absence
    if absence is None:
        return True
    last = events[positions[-1]]
    # The trailing absence may refer to `previous` only; bindings of other steps are not kept until the timer.
    bound = (last, *(None for _ in range(pattern.slots)))
    for position in range(positions[-1] + 1, len(events)):
        event = events[position]
        if event[TIME] > last[TIME] + pattern.absence_timeout_ms:
            break
        if absence.violated(event, bound):
            return False
    return True


class _Search:
    def __init__(
        self, pattern: CompiledPattern, events: Sequence[BufferedEvent], first: int, end: int, budget: Budget
    ) -> None:
        self.truncated = False
        self._budget = budget
        self._steps = pattern.steps
        self._last = len(pattern.steps) - 1
        self._events = events
        self._first = first
        self._end = end
        self._memo: dict[tuple[int, int, int, Bindings], Positions | None] = {}

    def continue_after(self, step: int, last: int, bound: Bindings) -> Positions | None:
        """The longest continuation after a completed step, as positions after ``last``; None if there is none."""
        if last == self._end:
            return () if step == self._last else None
        key = (step, _COMPLETE, last, bound)
        if key not in self._memo:
            self._memo[key] = self._next_steps(step, last, bound)
        return self._memo[key]

    def _next_steps(self, step: int, last: int, bound: Bindings) -> Positions | None:
        best: Positions | None = None
        absences: tuple[Absence, ...] = ()
        for number in range(step + 1, self._last + 1):
            following = self._steps[number]
            absences += following.absences
            enter = self._in_bulk if following.in_bulk else self._one_by_one
            for continuation in enter(number, last, bound, absences):
                best = _prefer(best, continuation)
            if not following.optional:
                break
        return best

    def _one_by_one(
        self, number: int, last: int, bound: Bindings, absences: tuple[Absence, ...]
    ) -> Iterator[Positions]:
        for position in self._candidates(number, last, bound, absences):
            rest = self._repeat(number, 1, position, self._bind(number, position, bound))
            if rest is not None:
                yield (position, *rest)

    def _repeat(self, number: int, count: int, last: int, bound: Bindings) -> Positions | None:
        """The longest continuation after ``count`` events of a step, the last of them at ``last``."""
        step = self._steps[number]
        if step.max_count is None:
            count = min(count, step.min_count)
        key = (number, count, last, bound)
        if key in self._memo:
            return self._memo[key]
        best = self.continue_after(number, last, bound) if count >= step.min_count else None
        if last < self._end and (step.max_count is None or count < step.max_count):
            for position in self._candidates(number, last, bound, ()):
                rest = self._repeat(number, count + 1, position, self._bind(number, position, bound))
                if rest is not None:
                    best = _prefer(best, (position, *rest))
        self._memo[key] = best
        return best

    def _in_bulk(self, number: int, last: int, bound: Bindings, absences: tuple[Absence, ...]) -> Iterator[Positions]:
        step = self._steps[number]
        fitting = list(self._candidates(number, last, bound, ()))
        if not fitting or fitting[0] not in self._candidates(number, last, bound, absences):
            return
        values: set[float] = set()
        for count, position in enumerate(fitting, 1):
            if step.distinct is not None:
                values.add(self._events[position][VALUES + step.distinct])
            if (count if step.distinct is None else _count_distinct(values)) >= step.min_count:
                rest = self.continue_after(number, position, self._bind(number, position, bound))
                if rest is not None:
                    yield (*fitting[:count], *rest)

    def _candidates(self, number: int, last: int, bound: Bindings, absences: tuple[Absence, ...]) -> Iterator[int]:
        """Positions of the events that may come next in a step, until the budget is exhausted."""
        step, events, end, budget = self._steps[number], self._events, self._end, self._budget
        start = self._first if last == _NOWHERE else last + 1
        stop = end if last == _NOWHERE or not step.strict else min(end, start)
        latest = None if last == _NOWHERE or step.gap_ms is None else events[last][TIME] + step.gap_ms
        bound_events = (None if last == _NOWHERE else events[last], *(None if at < 0 else events[at] for at in bound))
        for position in range(start, stop + 1):
            if budget.remaining <= 0:
                self.truncated = True
                return
            budget.remaining -= 1
            event = events[position]
            if latest is not None and event[TIME] > latest:
                return
            if event[MASK] & step.bit and (position < end or number == self._last) and _fits(step, event, bound_events):
                yield position
            if absences and any(absence.violated(event, bound_events) for absence in absences):
                return

    def _bind(self, number: int, position: int, bound: Bindings) -> Bindings:
        slot = self._steps[number].slot
        return bound if slot is None else (*bound[:slot], position, *bound[slot + 1 :])


def _fits(step: CompiledStep, event: BufferedEvent, bound: Sequence[BufferedEvent | None]) -> bool:
    return step.residual is None or step.residual(event, bound)


def _count_distinct(values: set[float]) -> int:
    """Number of values other than NaN, which stands for an absent one."""
    return sum(value == value for value in values)  # noqa: PLR0124 - only NaN differs from itself


def _prefer(one: Positions | None, other: Positions) -> Positions:
    """The longer of two continuations, or the earlier of two equally long ones."""
    if one is None or len(other) > len(one) or (len(other) == len(one) and other < one):
        return other
    return one
