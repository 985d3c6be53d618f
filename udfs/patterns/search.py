"""Whether a match ends at an event, and which events it takes.

The definition: a match is a choice of remembered events, in order of event time, of which the last is the given one,
that fits the steps. There may be many; the one with most events is told, and among those the one whose events are
earliest, since an analyst wants to see all that belongs to an attack.

The search takes events step by step from the front and remembers for each (step, number taken, last event, events that
are referred to) the best way to the end, so that no tail is worked out twice. A step that any fitting event may join is
taken in bulk: between a first and a last event of it, all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from udfs.patterns.compiled import MASK, TIME, VALUES, Absence, CompiledPattern, Event, Taken

SEARCHED = 8_000
"""Candidates that are looked at for one event, about 20 ms; beyond, the best that was found until then is told. With
the 32 events that are remembered, only conditions that refer to several earlier steps, all of which fit nearly
everything, get there."""

Chosen = tuple[int, ...]
Bound = tuple[int, ...]
_NOWHERE = -1
_COMPLETE = 0


class Budget:
    """What one event may cost, however many searches it takes.

    Attributes:
        left: candidates that may still be looked at.
        given_up: searches that were not gone through to their end.
    """

    __slots__ = ("left", "truncated")

    def __init__(self, candidates: int = SEARCHED) -> None:
        self.left = candidates
        self.truncated = 0


def find_match(pattern: CompiledPattern, events: Sequence[Event], low: int, end: int, budget: Budget) -> Chosen | None:
    """The match that ends at an event.

    Args:
        pattern: that is looked for.
        events: of one key, in order of event time.
        low: position of the first event that may be taken.
        end: position of the event that is taken last.
        budget: of the event for which it is searched.

    Returns:
        Positions of its events in order, or None if there is no match. When the budget runs out, a match that was
        found until then, which need not be the longest, or None if there was none.
    """
    earliest = events[end][TIME] - pattern.within_ms
    first, seen = end + 1, 0
    while first > low and events[first - 1][TIME] >= earliest:
        first -= 1
        seen |= events[first][MASK]
    if seen & pattern.required != pattern.required:
        return None
    search = _Search(pattern, events, first, end, budget)
    chosen = search.after(_NOWHERE, _NOWHERE, (_NOWHERE,) * pattern.slots)
    budget.truncated += search.cut_short
    return chosen


def nothing_followed(pattern: CompiledPattern, events: Sequence[Event], chosen: Chosen) -> bool:
    """Whether what must not follow the match did not, as far as the events tell."""
    absence = pattern.trailing
    if absence is None:
        return True
    last = events[chosen[-1]]
    # What follows may refer to the event before it only: the others are not known any more.
    bound = (last, *(None for _ in range(pattern.slots)))
    for position in range(chosen[-1] + 1, len(events)):
        event = events[position]
        if event[TIME] > last[TIME] + pattern.wait_ms:
            break
        if absence.violated(event, bound):
            return False
    return True


class _Search:
    def __init__(self, pattern: CompiledPattern, events: Sequence[Event], first: int, end: int, budget: Budget) -> None:
        self.cut_short = False
        self._budget = budget
        self._steps = pattern.steps
        self._last = len(pattern.steps) - 1
        self._events = events
        self._first = first
        self._end = end
        self._known: dict[tuple[int, int, int, Bound], Chosen | None] = {}

    def after(self, step: int, last: int, bound: Bound) -> Chosen | None:
        """The best way on once a step is complete: positions after ``last``; None if there is none."""
        if last == self._end:
            return () if step == self._last else None
        key = (step, _COMPLETE, last, bound)
        if key not in self._known:
            self._known[key] = self._following(step, last, bound)
        return self._known[key]

    def _following(self, step: int, last: int, bound: Bound) -> Chosen | None:
        best: Chosen | None = None
        absences: tuple[Absence, ...] = ()
        for number in range(step + 1, self._last + 1):
            following = self._steps[number]
            absences += following.absences
            enter = self._in_bulk if following.in_bulk else self._one_by_one
            for way in enter(number, last, bound, absences):
                best = _better(best, way)
            if not following.optional:
                break
        return best

    def _one_by_one(self, number: int, last: int, bound: Bound, absences: tuple[Absence, ...]) -> Iterator[Chosen]:
        for position in self._candidates(number, last, bound, absences):
            way = self._taken(number, 1, position, self._bind(number, position, bound))
            if way is not None:
                yield (position, *way)

    def _taken(self, number: int, count: int, last: int, bound: Bound) -> Chosen | None:
        """The best way on when ``count`` events of a step are taken, the last of them at ``last``."""
        step = self._steps[number]
        if step.high is None:
            count = min(count, step.low)
        key = (number, count, last, bound)
        if key in self._known:
            return self._known[key]
        best = self.after(number, last, bound) if count >= step.low else None
        if last < self._end and (step.high is None or count < step.high):
            for position in self._candidates(number, last, bound, ()):
                way = self._taken(number, count + 1, position, self._bind(number, position, bound))
                if way is not None:
                    best = _better(best, (position, *way))
        self._known[key] = best
        return best

    def _in_bulk(self, number: int, last: int, bound: Bound, absences: tuple[Absence, ...]) -> Iterator[Chosen]:
        step = self._steps[number]
        fitting = list(self._candidates(number, last, bound, ()))
        if not fitting or fitting[0] not in self._candidates(number, last, bound, absences):
            return
        values: set[float] = set()
        for taken, position in enumerate(fitting, 1):
            if step.distinct is not None:
                values.add(self._events[position][VALUES + step.distinct])
            if (taken if step.distinct is None else _different(values)) >= step.low:
                way = self.after(number, position, self._bind(number, position, bound))
                if way is not None:
                    yield (*fitting[:taken], *way)

    def _candidates(self, number: int, last: int, bound: Bound, absences: tuple[Absence, ...]) -> Iterator[int]:
        """Positions of the events that can be taken next for a step; none any more once the budget is spent."""
        step, events, end, budget = self._steps[number], self._events, self._end, self._budget
        start = self._first if last == _NOWHERE else last + 1
        stop = end if last == _NOWHERE or not step.strict else min(end, start)
        latest = None if last == _NOWHERE or step.gap_ms is None else events[last][TIME] + step.gap_ms
        known = (None if last == _NOWHERE else events[last], *(None if at < 0 else events[at] for at in bound))
        for position in range(start, stop + 1):
            if budget.left <= 0:
                self.cut_short = True
                return
            budget.left -= 1
            event = events[position]
            if latest is not None and event[TIME] > latest:
                return
            if event[MASK] & step.bit and (position < end or number == self._last) and _fits(step, event, known):
                yield position
            if absences and any(absence.violated(event, known) for absence in absences):
                return

    def _bind(self, number: int, position: int, bound: Bound) -> Bound:
        slot = self._steps[number].slot
        return bound if slot is None else (*bound[:slot], position, *bound[slot + 1 :])


def _fits(step: Taken, event: Event, known: Sequence[Event | None]) -> bool:
    return step.residual is None or step.residual(event, known)


def _different(values: set[float]) -> int:
    """How many there are, the absent one left out."""
    return sum(value == value for value in values)  # noqa: PLR0124 - NaN alone differs from itself


def _better(one: Chosen | None, other: Chosen) -> Chosen:
    """The longer way, or the earlier of two that are equally long."""
    if one is None or len(other) > len(one) or (len(other) == len(one) and other < one):
        return other
    return one
