"""From a pattern as it is written, and found without fault, to one that can be asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import msgspec

from state.kernel.keys import key_of
from udfs.conditions import compile_scalar
from udfs.conditions.tree import Name, Reference, Truth, conjoined, conjuncts, leaves
from udfs.patterns.compiled import VALUES, Absence, CompiledPattern, Event, Observed, Residual, Taken
from udfs.patterns.durations import duration_ms
from udfs.patterns.fields import OF_ACCOUNT_EVENTS
from udfs.patterns.pattern import ACCOUNT_EVENT, TRANSACTION, Pattern, Step
from udfs.records.account_event import KINDS

PREVIOUS = "previous"
"""Refers to the event just before in the match, whichever step took it."""

_NO_EVENTS: Sequence[Event | None] = ()


def compile_pattern(pattern: Pattern, conditions: Sequence[Truth | None]) -> CompiledPattern:
    """Compile a pattern once.

    Args:
        pattern: without fault.
        conditions: of its steps, None for a step without one.
    """
    return _Compiler(pattern, conditions).compiled()


def account_kinds(step: Step) -> frozenset[str]:
    """The kinds of account events that a step is about."""
    return KINDS if ACCOUNT_EVENT in step.kinds else frozenset(step.kinds) - {TRANSACTION}


def bounds(step: Step) -> tuple[int, int | None]:
    """Events at least and at most, None for no end; of a step that says nothing of it, one."""
    if step.times is not None:
        return step.times, step.times
    if step.at_least is not None:
        return step.at_least, step.at_most
    return 1, 1 if step.at_most is None else step.at_most


class _Compiler:
    def __init__(self, pattern: Pattern, conditions: Sequence[Truth | None]) -> None:
        self._pattern = pattern
        parts = [tuple(conjuncts(condition)) if condition else () for condition in conditions]
        self._alone = [conjoined(tuple(part for part in each if not _refers(part))) for each in parts]
        self._together = [conjoined(tuple(part for part in each if _refers(part))) for each in parts]
        asked = [leaf for each in self._together if each is not None for leaf in leaves(each)]
        referred = {leaf.step for leaf in asked if isinstance(leaf, Reference)}
        named = [step.name for step in pattern.steps if step.name in referred]
        self._slots = {name: slot for slot, name in enumerate(named)}
        distinct = {step.distinct for step in pattern.steps if step.distinct is not None}
        compared = {leaf.name for leaf in asked if isinstance(leaf, Name | Reference)}
        self._kept = tuple(sorted(distinct | compared))

    def compiled(self) -> CompiledPattern:
        pattern = self._pattern
        observed = tuple(self._observed(number) for number in range(len(pattern.steps)))
        steps = self._taken()
        last = pattern.steps[-1]
        return CompiledPattern(
            pattern=pattern,
            fingerprint=self._fingerprint(),
            observed=observed,
            steps=steps,
            required=sum(step.bit for step in steps if not step.optional),
            ending=steps[-1].bit,
            strict=any(step.strict for step in steps),
            on_transactions=any(one.on_transactions for one in observed),
            kinds=frozenset[str]().union(*(one.kinds for one in observed)),
            kept=self._kept,
            slots=len(self._slots),
            within_ms=duration_ms(pattern.within),
            trailing=self._absence(len(pattern.steps) - 1) if last.absent else None,
            wait_ms=duration_ms(last.within) if last.within is not None else 0,
            hold_ms=duration_ms(pattern.hold),
        )

    def _fingerprint(self) -> int:
        """Of all that decides what is remembered, and what its bits and values mean."""
        pattern = self._pattern
        said = msgspec.to_builtins([pattern.steps, pattern.within, pattern.after_match, self._kept])
        return key_of(json.dumps(said)) >> 1  # msgpack's signed integers hold it

    def _observed(self, number: int) -> Observed:
        step, condition = self._pattern.steps[number], self._alone[number]
        return Observed(
            bit=1 << number,
            on_transactions=TRANSACTION in step.kinds,
            kinds=account_kinds(step),
            condition=condition,
            of_account_event=_asked_alone(condition),
        )

    def _taken(self) -> tuple[Taken, ...]:
        taken: list[Taken] = []
        absences: tuple[Absence, ...] = ()
        for number, step in enumerate(self._pattern.steps):
            if step.absent:
                absences += (self._absence(number),)
                continue
            low, high = bounds(step)
            taken.append(
                Taken(
                    bit=1 << number,
                    low=low,
                    high=high,
                    optional=step.optional,
                    strict=step.contiguity == "strict",
                    gap_ms=None if step.gap is None else duration_ms(step.gap),
                    residual=self._residual(number),
                    distinct=None if step.distinct is None else self._kept.index(step.distinct),
                    in_bulk=self._in_bulk(step, high, self._together[number]),
                    absences=absences,
                    slot=self._slots.get(step.name),
                )
            )
            absences = ()
        return tuple(taken)

    def _absence(self, number: int) -> Absence:
        return Absence(1 << number, self._residual(number))

    def _residual(self, number: int) -> Residual | None:
        condition = self._together[number]
        if condition is None:
            return None
        places = {name: VALUES + place for place, name in enumerate(self._kept)}
        steps = {PREVIOUS: 0} | {name: 1 + slot for name, slot in self._slots.items()}
        return compile_scalar(condition, places, steps)

    @staticmethod
    def _in_bulk(step: Step, high: int | None, condition: Truth | None) -> bool:
        """Whether an event fits however many were taken before it."""
        loops = {PREVIOUS, step.name}
        depends = any(leaf.step in loops for leaf in _references(condition))
        return high is None and step.gap is None and step.contiguity == "relaxed" and not depends


def _references(condition: Truth | None) -> list[Reference]:
    return [] if condition is None else [leaf for leaf in leaves(condition) if isinstance(leaf, Reference)]


def _refers(condition: Truth) -> bool:
    return bool(_references(condition))


def _asked_alone(condition: Truth | None) -> Callable[[Sequence[float]], bool]:
    """The condition of an account event by itself, asked of its fields in their order."""
    if condition is None:
        return lambda _: True
    places: Mapping[str, int] = {name: place for place, name in enumerate(OF_ACCOUNT_EVENTS)}
    ask = compile_scalar(condition, places, {})
    return lambda values: ask(values, _NO_EVENTS)
