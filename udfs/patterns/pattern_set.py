"""A set of patterns, and how a whole batch of events is asked at once whom of them it touches.

Nearly every payment is no step of any pattern, so it must cost next to nothing to find that out. What a step asks of an
event by itself is asked once for all the steps that ask the same, and of all payments of a batch in one compiled call.
Only payments that touch a pattern come to Python, one by one, and fields of their records are read only where the
features alone do not say already that nothing is touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import Conditions, code_of
from udfs.conditions.tree import Name, Truth, conjoined, conjuncts, leaves
from udfs.patterns.compiled import PAYMENT, CompiledPattern, Event
from udfs.patterns.fields import DIRECT, OF_ACCOUNT_EVENTS, OF_TRANSACTIONS, Field, features_of
from udfs.patterns.pattern import TRANSACTION, Entity, Pattern
from udfs.records.account_event import AccountEvent

Floats = NDArray[np.float64]

_KNOWN = {"kind": code_of(TRANSACTION)}
"""Of every payment."""


def _names(condition: Truth) -> set[str]:
    return {leaf.name for leaf in leaves(condition) if isinstance(leaf, Name)}


class Touch(NamedTuple):
    """An event of a batch that may be a step of a pattern."""

    row: int
    pattern: CompiledPattern
    event: Event


class PatternSet:
    """Patterns of one version.

    Args:
        version: of the set.
        patterns: enabled or not.
    """

    def __init__(self, version: int, patterns: Sequence[CompiledPattern]) -> None:
        self.version = version
        self.all: tuple[Pattern, ...] = tuple(compiled.pattern for compiled in patterns)
        active = [compiled for compiled in patterns if compiled.pattern.enabled]
        self.versions = {compiled.pattern.id: compiled.pattern.version for compiled in active}
        self._of = {
            entity: EntityPatterns(entity, [one for one in active if one.pattern.entity is entity]) for entity in Entity
        }

    @property
    def search_truncated(self) -> Counter[str]:
        """Searches that cost too much to be gone through to their end, by pattern, since the set was loaded."""
        return sum((of.search_truncated for of in self._of.values()), Counter[str]())

    def of(self, entity: Entity) -> EntityPatterns:
        """The enabled patterns over the events of an entity."""
        return self._of[entity]


class EntityPatterns:
    """The enabled patterns over the events of one entity.

    Args:
        entity: whose stage it is.
        patterns: over its events.

    Attributes:
        patterns: in order.
        by_id: the same.
        fields: of payments that they look at, beside features.
        given_up: searches that cost too much to be gone through to their end, by pattern.
    """

    def __init__(self, entity: Entity, patterns: Sequence[CompiledPattern]) -> None:
        self.patterns = tuple(patterns)
        self.search_truncated: Counter[str] = Counter()
        self.by_id = {one.pattern.id: one for one in patterns}
        self._places = {name: place for place, name in enumerate(features_of(entity))}
        # Of each condition the patterns that ask it, by number, with the bits of their steps.
        self._asking: dict[Truth, dict[int, int]] = {}
        self._of_every_payment: dict[int, int] = {}
        self._note_steps()
        conditions = list(self._asking)
        asked = {name for one in conditions for name in _names(one)}
        named = sorted(asked - self._places.keys() - _KNOWN.keys())
        self._fields: list[Field] = [OF_TRANSACTIONS[name] for name in named]
        columns = self._places | {name: len(self._places) + number for number, name in enumerate(named)}
        self._asked = Conditions(conditions, columns, _KNOWN)
        self._asking_of = list(self._asking.values())
        self._possible = self._by_features_alone([one for one in conditions if not _names(one).isdisjoint(named)])
        kept = {name for one in patterns for name in one.kept}
        self.fields = frozenset(name for name in {*named, *kept} if name not in self._places)

    @property
    def read_records(self) -> bool:
        """Whether they look at fields that are known from a payment's own record only."""
        return not self.fields <= DIRECT.keys()

    def _note_steps(self) -> None:
        for number, one in enumerate(self.patterns):
            if not one.on_transactions:
                continue
            if one.strict:
                self._of_every_payment[number] = 0
            for step in one.observed:
                if step.on_transactions:
                    of_all = self._of_every_payment
                    asking = of_all if step.condition is None else self._asking.setdefault(step.condition, {})
                    asking[number] = asking.get(number, 0) | step.bit

    def _by_features_alone(self, conditions: Sequence[Truth]) -> Conditions | None:
        """One of which holds wherever one of the given ones does; None where the features do not say."""
        known = self._places.keys() | _KNOWN.keys()
        parts = [conjoined(tuple(part for part in conjuncts(one) if _names(part) <= known)) for one in conditions]
        sure = [part for part in parts if part is not None]
        return Conditions(sure, self._places, _KNOWN) if len(sure) == len(parts) else None

    def touched(self, features: Floats, payments: Sequence[Any]) -> Iterator[Touch]:
        """The payments of a batch that touch patterns, row by row.

        Args:
            features: (n, F) of the entity's stage.
            payments: n of them: transactions, or anything with the names of ``fields`` and an event time and id.
        """
        if not self.patterns or not payments:
            return
        found = self._asked.ask(features, self._read(features, payments) if self._fields else None)
        everything = self._of_every_payment
        if not everything and not len(found.numbers):
            return
        numbers: list[int] = found.numbers.tolist()
        begin = 0
        for row, end in enumerate(found.ends.tolist()):
            if begin == end and not everything:
                continue
            masks = dict(everything)
            for number in numbers[begin:end]:
                for pattern, bits in self._asking_of[number].items():
                    masks[pattern] = masks.get(pattern, 0) | bits
            begin = end
            for pattern in sorted(masks):
                yield self._touch(row, self.patterns[pattern], masks[pattern], features, payments[row])

    def _read(self, features: Floats, payments: Sequence[Any]) -> Floats:
        """(n, fields): those of the payments that may touch a pattern; NaN of the others."""
        read = np.full((len(payments), len(self._fields)), np.nan)
        rows: Sequence[int] = range(len(payments))
        if self._possible is not None:
            ends = self._possible.ask(features).ends
            rows = np.flatnonzero(np.diff(ends, prepend=0)).tolist()
        if rows:
            read[rows] = [[field(payments[row]) for field in self._fields] for row in rows]
        return read

    def _touch(
        self,
        row: int,
        pattern: CompiledPattern,
        mask: int,
        features: Floats,
        payment: Any,  # noqa: ANN401 - see touched
    ) -> Touch:
        values = [self._value(name, row, features, payment) for name in pattern.kept]
        return Touch(row, pattern, [payment.event_time, mask, PAYMENT, payment.transaction_id, *values])

    def _value(self, name: str, row: int, features: Floats, payment: Any) -> float:  # noqa: ANN401 - see touched
        place = self._places.get(name)
        return OF_TRANSACTIONS[name](payment) if place is None else features.item(row, place)

    def touched_by(self, event: AccountEvent) -> Iterator[tuple[CompiledPattern, Event]]:
        """The patterns that an account event touches, and the event as each of them remembers it."""
        values = [field(event) for field in OF_ACCOUNT_EVENTS.values()]
        for pattern in self.patterns:
            if event.kind not in pattern.kinds:
                continue
            mask = sum(
                step.bit for step in pattern.observed if event.kind in step.kinds and step.of_account_event(values)
            )
            if mask or pattern.strict:
                kept = [
                    OF_ACCOUNT_EVENTS[name](event) if name in OF_ACCOUNT_EVENTS else np.nan for name in pattern.kept
                ]
                yield pattern, [event.event_time, mask, 0, event.event_id or "", *kept]
