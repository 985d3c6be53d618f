"""Oracle of pattern matching: it tries every assignment of events to steps and checks each against the definition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from tests.oracles.conditions import holds
from udfs.conditions import parse_condition
from udfs.conditions.tree import Predicate
from udfs.patterns.compiling import account_kinds, bounds
from udfs.patterns.durations import duration_ms
from udfs.patterns.pattern import TRANSACTION, Pattern, Step
from udfs.patterns.vocabulary import vocabulary_of


@dataclass(frozen=True)
class Seen:
    """An event: its kind (``transaction``, or that of an account event) and its values by name, NaN where absent."""

    id: str
    time: int
    kind: str
    values: Mapping[str, float]


Choice = tuple[tuple[int, int], ...]
"""Step number and position of each event of a possible match, in order."""


@dataclass
class Oracle:
    """Matcher of one pattern over one key; it receives events in order of arrival.

    Attributes:
        known: events so far, in order of time.
        reported: ids of the last events of the matches so far.
        settled: ids of the events whose wait for an absence is over.
    """

    pattern: Pattern
    known: list[Seen] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        steps = self.pattern.steps
        self._conditions: list[Predicate | None] = [
            parse_condition(step.where, vocabulary_of(self.pattern, number)) if step.where else None
            for number, step in enumerate(steps)
        ]

    def arrive(self, event: Seen) -> list[tuple[str, ...]]:
        """Add an event; return the new matches, as ids of their events."""
        if not any(_is_of_kind(step, event) for step in self.pattern.steps):
            return []
        at = sum(one.time <= event.time for one in self.known)
        self.known.insert(at, event)
        return [] if self.pattern.steps[-1].absent else self._new(self.matches())

    def _new(self, found: Mapping[int, tuple[int, ...]]) -> list[tuple[str, ...]]:
        fresh = [positions for end, positions in found.items() if self.known[end].id not in self.reported]
        self.reported |= {self.known[end].id for end in found}
        return [tuple(self.known[at].id for at in positions) for positions in fresh]

    def matches(self) -> dict[int, tuple[int, ...]]:
        """Return the positions of the events of every match, by the position of its last event."""
        found: dict[int, tuple[int, ...]] = {}
        low = 0
        for end in range(len(self.known)):
            best = self.best(low, end)
            if best is not None:
                found[end] = best
                low = end + 1 if self.pattern.after_match == "skip_past_last" else 0
        return found

    def on_watermark(self, watermark: int) -> list[tuple[str, ...]]:
        """Return the matches of a pattern that ends with an absence, whose wait is over at the watermark."""
        wait_ms = duration_ms(self.pattern.steps[-1].within or "")
        found = []
        for end, event in enumerate(self.known):
            if event.id in self.settled or event.time + wait_ms >= watermark or not self.may_end(event):
                continue
            self.settled.add(event.id)
            skips = self.pattern.after_match == "skip_past_last"
            ended = [at for at in range(end) if self.known[at].id in self.reported] if skips else []
            best = self.best(max(ended, default=-1) + 1, end)
            after = [at for at in range(end + 1, len(self.known)) if self.known[at].time <= event.time + wait_ms]
            last = len(self.pattern.steps) - 1
            if best is not None and not any(self._fits(last, at, ((0, end),)) for at in after):
                self.reported.add(event.id)
                found.append(tuple(self.known[at].id for at in best))
        return found

    def may_end(self, event: Seen) -> bool:
        """Whether the event has a kind of the last step that is not absent."""
        return _is_of_kind([step for step in self.pattern.steps if not step.absent][-1], event)

    def best(self, low: int, end: int) -> tuple[int, ...] | None:
        """Return the match that ends at a position with the most events, among equal ones the earliest."""
        found = []
        for size in range(end - low + 1):
            for before in combinations(range(low, end), size):
                positions = (*before, end)
                if any(self.holds(choice) for choice in self._choices(positions)):
                    found.append(positions)
        return min(found, key=lambda positions: (-len(positions), positions), default=None)

    def _choices(self, positions: Sequence[int], step: int = 0) -> Iterator[Choice]:
        """Yield every assignment of the events to the steps, in order."""
        if step == len(self.pattern.steps):
            if not positions:
                yield ()
            return
        most = 0 if self.pattern.steps[step].absent else len(positions)
        for count in range(most + 1):
            for rest in self._choices(positions[count:], step + 1):
                yield (*((step, at) for at in positions[:count]), *rest)

    def holds(self, choice: Choice) -> bool:
        """Whether an assignment is a match by the definition."""
        times = [self.known[at].time for _, at in choice]
        return (
            times[-1] - times[0] <= duration_ms(self.pattern.within)
            and all(self._enough(number, choice) for number in range(len(self.pattern.steps)))
            and all(self._fits(number, at, choice[:rank]) for rank, (number, at) in enumerate(choice))
            and all(self._near(before, after) for before, after in pairwise(choice))
            and all(self._nothing_absent_between(choice, rank) for rank in range(1, len(choice)))
        )

    def _enough(self, number: int, choice: Choice) -> bool:
        step = self.pattern.steps[number]
        taken = [at for of, at in choice if of == number]
        if step.absent or (step.optional and not taken):
            return not step.absent or not taken
        low, high = bounds(step)
        if step.distinct is not None:
            values = {self.known[at].values.get(step.distinct, math.nan) for at in taken}
            return sum(not math.isnan(value) for value in values) >= low
        return low <= len(taken) and (high is None or len(taken) <= high)

    def _fits(self, number: int, at: int, before: Choice) -> bool:
        event, condition = self.known[at], self._conditions[number]
        if not _is_of_kind(self.pattern.steps[number], event):
            return False
        row = dict(event.values)
        for of, position in before:
            for name, value in self.known[position].values.items():
                row[f"{self.pattern.steps[of].name}.{name}"] = value
                row[f"previous.{name}"] = value
        return condition is None or holds(condition, row)

    def _near(self, before: tuple[int, int], after: tuple[int, int]) -> bool:
        step = self.pattern.steps[after[0]]
        if step.contiguity == "strict" and after[1] != before[1] + 1:
            return False
        return step.gap is None or self.known[after[1]].time - self.known[before[1]].time <= duration_ms(step.gap)

    def _nothing_absent_between(self, choice: Choice, rank: int) -> bool:
        (of, start), (next_of, end) = choice[rank - 1], choice[rank]
        forbidden = [number for number in range(of + 1, next_of) if self.pattern.steps[number].absent]
        between = range(start + 1, end)
        return not any(self._fits(number, at, choice[:rank]) for number in forbidden for at in between)


def _is_of_kind(step: Step, event: Seen) -> bool:
    return TRANSACTION in step.kinds if event.kind == TRANSACTION else event.kind in account_kinds(step)
