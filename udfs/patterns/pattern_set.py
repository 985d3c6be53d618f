"""Filter a batch of events for those that may be a step of a pattern.

Nearly no payment satisfies any step, so filtering must be cheap. Equal conditions of several steps are evaluated once,
and all of them over the whole batch in one compiled call. Python code runs only for the payments that satisfy a step.
Fields that require decoding a payment's record are read only where the features alone do not exclude a hit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import ConditionSet, code_of
from udfs.conditions.tree import Name, Predicate, conjunction, conjuncts, leaves
from udfs.patterns.compiled import PAYMENT, BufferedEvent, CompiledPattern
from udfs.patterns.fields import ACCOUNT_EVENT_FIELDS, CARRIED_FIELDS, TRANSACTION_FIELDS, Field, features_of
from udfs.patterns.pattern import TRANSACTION, Entity, Pattern
from udfs.records.account_event import AccountEvent

Floats = NDArray[np.float64]

_PAYMENT_CONSTANTS = {"kind": code_of(TRANSACTION)}
"""Values of names that are the same for every payment."""


def _names(condition: Predicate) -> set[str]:
    return {leaf.name for leaf in leaves(condition) if isinstance(leaf, Name)}


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
        fields: fields of payments that the patterns use in addition to features.
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
        conditions = list(self._step_bits)
        names = {name for one in conditions for name in _names(one)}
        fields = sorted(names - self._feature_columns.keys() - _PAYMENT_CONSTANTS.keys())
        self._fields: list[Field] = [TRANSACTION_FIELDS[name] for name in fields]
        columns = self._feature_columns | {
            name: column for column, name in enumerate(fields, len(self._feature_columns))
        }
        self._conditions = ConditionSet(conditions, columns, _PAYMENT_CONSTANTS)
        self._bits_by_condition = list(self._step_bits.values())
        self._prefilter = self._feature_prefilter([one for one in conditions if not _names(one).isdisjoint(fields)])
        buffered = {name for one in patterns for name in one.buffered_names}
        self.fields = frozenset(name for name in {*fields, *buffered} if name not in self._feature_columns)

    @property
    def needs_records(self) -> bool:
        """Whether the patterns use fields for which a payment's record must be decoded."""
        return not self.fields <= CARRIED_FIELDS.keys()

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

    def _feature_prefilter(self, conditions: Sequence[Predicate]) -> ConditionSet | None:
        """The parts of the conditions that use features only, of which each one is necessary for its condition.

        None if a condition has no such part: then any payment may satisfy it.
        """
        known = self._feature_columns.keys() | _PAYMENT_CONSTANTS.keys()
        parts = [conjunction(tuple(part for part in conjuncts(one) if _names(part) <= known)) for one in conditions]
        necessary = [part for part in parts if part is not None]
        if len(necessary) < len(parts):
            return None
        return ConditionSet(necessary, self._feature_columns, _PAYMENT_CONSTANTS)

    def payment_hits(self, features: Floats, payments: Sequence[Any]) -> Iterator[StepHit]:
        """Find the payments of a batch that are hits, row by row.

        Args:
            features: (n, F), features of the entity's stage.
            payments: n transactions, or n objects with the attributes in ``fields``, an event time and an id.
        """
        if not self.patterns or not payments:
            return
        hits = self._conditions.evaluate(features, self._field_columns(features, payments) if self._fields else None)
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
                yield self._hit(row, self.patterns[pattern], masks[pattern], features, payments[row])

    def _field_columns(self, features: Floats, payments: Sequence[Any]) -> Floats:
        """Read the fields (n, fields) of the payments that may be hits; the rows of the others are NaN."""
        columns = np.full((len(payments), len(self._fields)), np.nan)
        rows: Sequence[int] = range(len(payments))
        if self._prefilter is not None:
            ends = self._prefilter.evaluate(features).ends
            rows = np.flatnonzero(np.diff(ends, prepend=0)).tolist()
        if rows:
            columns[rows] = [[field(payments[row]) for field in self._fields] for row in rows]
        return columns

    def _hit(
        self,
        row: int,
        pattern: CompiledPattern,
        mask: int,
        features: Floats,
        payment: Any,  # noqa: ANN401 - see payment_hits
    ) -> StepHit:
        values = [self._value(name, row, features, payment) for name in pattern.buffered_names]
        return StepHit(row, pattern, [payment.event_time, mask, PAYMENT, payment.transaction_id, *values])

    def _value(self, name: str, row: int, features: Floats, payment: Any) -> float:  # noqa: ANN401 - see payment_hits
        column = self._feature_columns.get(name)
        return TRANSACTION_FIELDS[name](payment) if column is None else features.item(row, column)

    def account_event_hits(self, event: AccountEvent) -> Iterator[tuple[CompiledPattern, BufferedEvent]]:
        """Find the patterns of which an account event is a hit, each with the event to buffer."""
        values = [field(event) for field in ACCOUNT_EVENT_FIELDS.values()]
        for pattern in self.patterns:
            if event.kind not in pattern.kinds:
                continue
            mask = sum(
                step.bit for step in pattern.filters if event.kind in step.kinds and step.accepts_account_event(values)
            )
            if mask or pattern.strict:
                buffered = [
                    ACCOUNT_EVENT_FIELDS[name](event) if name in ACCOUNT_EVENT_FIELDS else np.nan
                    for name in pattern.buffered_names
                ]
                yield pattern, [event.event_time, mask, 0, event.event_id or "", *buffered]
