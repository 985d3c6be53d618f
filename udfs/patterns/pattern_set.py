"""Filter a batch of events for those that may be a step of a pattern.

Nearly no payment satisfies any step, so filtering must be cheap. Equal conditions of several steps are evaluated once,
and all of them over the whole batch in one compiled call. Python code runs only for the payments that satisfy a step,
and fields are read only where the features alone do not exclude a hit (``udfs.vocabulary.payment_conditions``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions.tree import Predicate
from udfs.patterns.compiled import PAYMENT, BufferedEvent, CompiledPattern
from udfs.patterns.fields import features_of
from udfs.patterns.pattern import Entity, Pattern
from udfs.records.account_event import AccountEvent
from udfs.vocabulary.derived import account_event_field, payment_field
from udfs.vocabulary.payment_conditions import PaymentBatch, PaymentConditions

Floats = NDArray[np.float64]


class StepHit(NamedTuple):
    """A payment of a batch that satisfies a step of a pattern, or is of the kinds of a strict one."""

    row: int
    pattern: CompiledPattern
    event: BufferedEvent


class PatternSet:
    """A versioned set of patterns.

    Args:
        version: version of the set.
        patterns: all patterns, including disabled ones.

    Attributes:
        version: version of the set.
        all: all patterns, including disabled ones.
        versions: version of each enabled pattern, by id.
    """

    def __init__(self, version: int, patterns: Sequence[CompiledPattern]) -> None:
        self.version = version
        self.all: tuple[Pattern, ...] = tuple(compiled.pattern for compiled in patterns)
        enabled = [compiled for compiled in patterns if compiled.pattern.enabled]
        self.versions = {compiled.pattern.id: compiled.pattern.version for compiled in enabled}
        self._by_entity = {
            entity: EntityPatterns(entity, [one for one in enabled if one.pattern.entity is entity])
            for entity in Entity
        }

    @property
    def search_truncated(self) -> Counter[str]:
        """Searches that exceeded their budget, by pattern, since the set was loaded."""
        return sum((patterns.search_truncated for patterns in self._by_entity.values()), Counter[str]())

    def of(self, entity: Entity) -> EntityPatterns:
        """The enabled patterns over the events of an entity."""
        return self._by_entity[entity]


class EntityPatterns:
    """The enabled patterns over the events of one entity.

    Args:
        entity: entity of the patterns.
        patterns: enabled patterns of the entity.

    Attributes:
        patterns: the patterns, in order.
        by_id: the patterns by id.
        search_truncated: searches that exceeded their budget, by pattern.
    """

    def __init__(self, entity: Entity, patterns: Sequence[CompiledPattern]) -> None:
        self.patterns = tuple(patterns)
        self.search_truncated: Counter[str] = Counter()
        self.by_id = {one.pattern.id: one for one in patterns}
        self._feature_columns = {name: column for column, name in enumerate(features_of(entity))}
        # Per condition: the bits of the steps that have it, by the number of the pattern.
        self._step_bits: dict[Predicate, dict[int, int]] = {}
        self._unconditional_bits: dict[int, int] = {}
        self._collect_conditions()
        self._conditions = PaymentConditions(list(self._step_bits), self._feature_columns)
        self._bits_by_condition = list(self._step_bits.values())

    def _collect_conditions(self) -> None:
        for number, one in enumerate(self.patterns):
            if not one.on_transactions:
                continue
            if one.strict:
                self._unconditional_bits[number] = 0
            for step in one.filters:
                if step.on_transactions:
                    if step.condition is None:
                        bits = self._unconditional_bits
                    else:
                        bits = self._step_bits.setdefault(step.condition, {})
                    bits[number] = bits.get(number, 0) | step.bit

    def payment_hits(self, features: Floats, payments: Sequence[Any]) -> Iterator[StepHit]:
        """Find the payments of a batch that are hits, row by row.

        Args:
            features: (n, F), features of the entity's stage.
            payments: n transactions, or payments of stage messages.
        """
        if not self.patterns or not payments:
            return
        batch = PaymentBatch(payments)
        hits = self._conditions.evaluate(features, batch)
        unconditional = self._unconditional_bits
        if not unconditional and not len(hits.indices):
            return
        indices: list[int] = hits.indices.tolist()
        begin = 0
        for row, end in enumerate(hits.ends.tolist()):
            if begin == end and not unconditional:
                continue
            masks = dict(unconditional)
            for condition in indices[begin:end]:
                for pattern, bits in self._bits_by_condition[condition].items():
                    masks[pattern] = masks.get(pattern, 0) | bits
            begin = end
            for pattern in sorted(masks):
                yield self._hit(row, self.patterns[pattern], masks[pattern], features, batch)

    def _hit(self, row: int, pattern: CompiledPattern, mask: int, features: Floats, batch: PaymentBatch) -> StepHit:
        payment = batch.payments[row]
        values = [self._value(name, row, features, batch) for name in pattern.buffered_names]
        return StepHit(row, pattern, [payment.event_time, mask, PAYMENT, payment.transaction_id, *values])

    def _value(self, name: str, row: int, features: Floats, batch: PaymentBatch) -> float:
        column = self._feature_columns.get(name)
        return batch.value(payment_field(name), row) if column is None else features.item(row, column)

    def account_event_hits(self, event: AccountEvent) -> Iterator[tuple[CompiledPattern, BufferedEvent]]:
        """Find the patterns of which an account event is a hit, each with the event to buffer."""
        for pattern in self.patterns:
            if event.kind not in pattern.kinds:
                continue
            mask = sum(
                step.bit for step in pattern.filters if event.kind in step.kinds and step.accepts_account_event(event)
            )
            if mask or pattern.strict:
                fields = [account_event_field(name) for name in pattern.buffered_names]
                buffered = [np.nan if field is None else field.read(event) for field in fields]
                yield pattern, [event.event_time, mask, 0, event.event_id or "", *buffered]
