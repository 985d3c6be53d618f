"""Compile a valid pattern."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec

from state.kernel.keys import key_of
from udfs.conditions import compile_scalar
from udfs.conditions.tree import Name, Predicate, Reference, conjunction, conjuncts, leaves
from udfs.patterns.compiled import VALUES, Absence, BufferedEvent, CompiledPattern, CompiledStep, Residual, StepFilter
from udfs.patterns.durations import duration_ms
from udfs.patterns.pattern import ACCOUNT_EVENT, TRANSACTION, Pattern, Step
from udfs.records.account_event import KINDS, AccountEvent
from udfs.vocabulary.derived import account_event_field
from udfs.vocabulary.payment_conditions import names_in

PREVIOUS = "previous"
"""Name by which a condition refers to the event before in the match, whichever step it belongs to."""

_NO_EVENTS: Sequence[BufferedEvent | None] = ()


def compile_pattern(pattern: Pattern, conditions: Sequence[Predicate | None]) -> CompiledPattern:
    """Compile a pattern.

    Args:
        pattern: valid pattern.
        conditions: parsed condition of each step, None for a step without one.
    """
    return _Compiler(pattern, conditions).compile()


def account_kinds(step: Step) -> frozenset[str]:
    """The kinds of account events of a step."""
    return KINDS if ACCOUNT_EVENT in step.kinds else frozenset(step.kinds) - {TRANSACTION}


def bounds(step: Step) -> tuple[int, int | None]:
    """Minimum and maximum number of events of a step, None for no maximum; one event by default."""
    if step.times is not None:
        return step.times, step.times
    if step.at_least is not None:
        return step.at_least, step.at_most
    return 1, 1 if step.at_most is None else step.at_most


class _Compiler:
    def __init__(self, pattern: Pattern, conditions: Sequence[Predicate | None]) -> None:
        self._pattern = pattern
        parts = [tuple(conjuncts(condition)) if condition else () for condition in conditions]
        self._filter_conditions = [
            conjunction(tuple(one for one in each if not _has_references(one))) for each in parts
        ]
        self._residual_conditions = [conjunction(tuple(one for one in each if _has_references(one))) for each in parts]
        compared = [leaf for each in self._residual_conditions if each is not None for leaf in leaves(each)]
        referenced = {leaf.step for leaf in compared if isinstance(leaf, Reference)}
        named = [step.name for step in pattern.steps if step.name in referenced]
        self._slots = {name: slot for slot, name in enumerate(named)}
        distinct = {step.distinct for step in pattern.steps if step.distinct is not None}
        names = {leaf.name for leaf in compared if isinstance(leaf, Name | Reference)}
        self._buffered_names = tuple(sorted(distinct | names))

    def compile(self) -> CompiledPattern:
        pattern = self._pattern
        filters = tuple(self._filter(number) for number in range(len(pattern.steps)))
        steps = self._compiled_steps()
        last = pattern.steps[-1]
        return CompiledPattern(
            pattern=pattern,
            fingerprint=self._fingerprint(),
            filters=filters,
            steps=steps,
            required=sum(step.bit for step in steps if not step.optional),
            ending=steps[-1].bit,
            strict=any(step.strict for step in steps),
            on_transactions=any(step.on_transactions for step in filters),
            kinds=frozenset[str]().union(*(step.kinds for step in filters)),
            buffered_names=self._buffered_names,
            slots=len(self._slots),
            within_ms=duration_ms(pattern.within),
            trailing_absence=self._absence(len(pattern.steps) - 1) if last.absent else None,
            absence_timeout_ms=duration_ms(last.within) if last.within is not None else 0,
            hold_ms=duration_ms(pattern.hold),
        )

    def _fingerprint(self) -> int:
        """Hash everything that determines which events are buffered, and what their bits and values mean."""
        pattern = self._pattern
        definition = msgspec.to_builtins([pattern.steps, pattern.within, pattern.after_match, self._buffered_names])
        return key_of(json.dumps(definition)) >> 1  # fits a signed integer of msgpack

    def _filter(self, number: int) -> StepFilter:
        step, condition = self._pattern.steps[number], self._filter_conditions[number]
        return StepFilter(
            bit=1 << number,
            on_transactions=TRANSACTION in step.kinds,
            kinds=account_kinds(step),
            condition=condition,
            accepts_account_event=_account_event_filter(condition),
        )

    def _compiled_steps(self) -> tuple[CompiledStep, ...]:
        steps: list[CompiledStep] = []
        absences: tuple[Absence, ...] = ()
        for number, step in enumerate(self._pattern.steps):
            if step.absent:
                absences += (self._absence(number),)
                continue
            low, high = bounds(step)
            steps.append(
                CompiledStep(
                    bit=1 << number,
                    min_count=low,
                    max_count=high,
                    optional=step.optional,
                    strict=step.contiguity == "strict",
                    gap_ms=None if step.gap is None else duration_ms(step.gap),
                    residual=self._residual(number),
                    distinct=None if step.distinct is None else self._buffered_names.index(step.distinct),
                    in_bulk=self._in_bulk(step, high, self._residual_conditions[number]),
                    absences=absences,
                    slot=self._slots.get(step.name),
                )
            )
            absences = ()
        return tuple(steps)

    def _absence(self, number: int) -> Absence:
        return Absence(1 << number, self._residual(number))

    def _residual(self, number: int) -> Residual | None:
        condition = self._residual_conditions[number]
        if condition is None:
            return None
        positions = {name: VALUES + index for index, name in enumerate(self._buffered_names)}
        steps = {PREVIOUS: 0} | {name: 1 + slot for name, slot in self._slots.items()}
        return compile_scalar(condition, positions, steps)

    @staticmethod
    def _in_bulk(step: Step, high: int | None, condition: Predicate | None) -> bool:
        """Whether an event of the step fits independently of the step's events before it."""
        loops = {PREVIOUS, step.name}
        depends = any(leaf.step in loops for leaf in _references(condition))
        return high is None and step.gap is None and step.contiguity == "relaxed" and not depends


def _references(condition: Predicate | None) -> list[Reference]:
    return [] if condition is None else [leaf for leaf in leaves(condition) if isinstance(leaf, Reference)]


def _has_references(condition: Predicate) -> bool:
    return bool(_references(condition))


def _account_event_filter(condition: Predicate | None) -> Callable[[AccountEvent], bool]:
    """Compile a condition without references to a function of account events; what they do not have is absent."""
    if condition is None:
        return lambda _: True
    fields = [field for name in sorted(names_in(condition)) if (field := account_event_field(name)) is not None]
    predicate = compile_scalar(condition, {field.name: position for position, field in enumerate(fields)}, {})
    return lambda event: predicate([field.read(event) for field in fields], _NO_EVENTS)
