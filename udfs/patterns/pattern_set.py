"""A set of patterns, and how a whole batch of events is asked at once whom of them it touches.

Nearly every payment is no step of any pattern, so it must cost next to nothing to find that out. What a step asks of an
event by itself is evaluated with numpy, once for a batch and once for all the steps that ask the same. Only events that
touch a pattern come to Python, one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import Condition, compile_columns
from udfs.conditions.tree import Name, Truth, leaves
from udfs.patterns.compiled import PAYMENT, CompiledPattern, Event
from udfs.patterns.fields import DIRECT, OF_ACCOUNT_EVENTS, OF_TRANSACTIONS, Field, features_of
from udfs.patterns.pattern import Entity, Pattern
from udfs.records.account_event import AccountEvent

Floats = NDArray[np.float64]


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
    def given_up(self) -> Counter[str]:
        """Searches that cost too much to be gone through to their end, by pattern, since the set was loaded."""
        return sum((of.given_up for of in self._of.values()), Counter[str]())

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
        self.given_up: Counter[str] = Counter()
        self.by_id = {one.pattern.id: one for one in patterns}
        self._places = {name: place for place, name in enumerate(features_of(entity))}
        conditions = self._conditions()
        asked = sorted({leaf.name for one in conditions for leaf in leaves(one) if isinstance(leaf, Name)})
        self._features = [self._places[name] for name in asked if name in self._places]
        self._fields: list[Field] = [OF_TRANSACTIONS[name] for name in asked if name not in self._places]
        names = [*(name for name in asked if name in self._places), *(n for n in asked if n not in self._places)]
        columns = {name: column for column, name in enumerate(names)}
        self._asks: list[Condition] = [compile_columns(one, columns) for one in conditions]
        self._weights = self._weighted(conditions)
        self._always = np.array([one.strict and one.on_transactions for one in patterns], np.bool_)
        kept = {name for one in patterns for name in one.kept}
        self.fields = frozenset(
            name for name in {*asked, *kept} if name not in self._places and name in OF_TRANSACTIONS
        )

    @property
    def read_records(self) -> bool:
        """Whether they look at fields that are known from a payment's own record only."""
        return not self.fields <= DIRECT.keys()

    def _conditions(self) -> list[Truth]:
        """What is asked of payments, each condition once."""
        asked = (step.condition for one in self.patterns for step in one.observed if step.on_transactions)
        return list(dict.fromkeys(condition for condition in asked if condition is not None))

    def _weighted(self, conditions: Sequence[Truth]) -> Floats:
        """(P, C + 1): the bits that each condition means to each pattern; the last column is for what is not asked.

        In floats, since numpy multiplies matrices of integers slowly; a dozen bits are exact.
        """
        weights = np.zeros((len(self.patterns), len(conditions) + 1))
        column = {condition: number for number, condition in enumerate(conditions)}
        for row, one in enumerate(self.patterns):
            for step in one.observed:
                if step.on_transactions:
                    weights[row, len(conditions) if step.condition is None else column[step.condition]] += step.bit
        return weights

    def touched(self, features: Floats, payments: Sequence[Any]) -> Iterator[Touch]:
        """The payments of a batch that touch patterns, row by row.

        Args:
            features: (n, F) of the entity's stage.
            payments: n of them: transactions, or anything with the names of ``fields`` and an event time and id.
        """
        if not self.patterns or not payments:
            return
        columns = np.empty((len(payments), len(self._features) + len(self._fields)))
        columns[:, : len(self._features)] = features[:, self._features]
        for number, field in enumerate(self._fields, len(self._features)):
            columns[:, number] = [field(payment) for payment in payments]
        answers = np.ones((len(self._asks) + 1, len(payments)), np.bool_)
        for number, ask in enumerate(self._asks):
            answers[number] = ask(columns)
        yield from self._touches(answers, features, payments)

    def _touches(self, answers: NDArray[np.bool_], features: Floats, payments: Sequence[Any]) -> Iterator[Touch]:
        asks_nothing = self._weights[:, -1].any() or self._always.any()
        rows = np.arange(len(payments)) if asks_nothing else np.flatnonzero(answers[:-1].any(axis=0))
        if not len(rows):
            return
        masks = (self._weights @ answers[:, rows]).astype(np.int64)
        at, of = np.nonzero((masks.T != 0) | self._always)
        found = zip(rows[at].tolist(), of.tolist(), masks[of, at].tolist(), strict=True)
        for row, number, mask in found:
            pattern, payment = self.patterns[number], payments[row]
            values = [self._value(name, row, features, payment) for name in pattern.kept]
            yield Touch(row, pattern, [payment.event_time, mask, PAYMENT, payment.transaction_id, *values])

    def _value(self, name: str, row: int, features: Floats, payment: Any) -> float:  # noqa: ANN401 - see touched
        place = self._places.get(name)
        return OF_TRANSACTIONS[name](payment) if place is None else float(features[row, place])

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
