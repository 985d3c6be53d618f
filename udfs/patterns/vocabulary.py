"""Determine the names that the condition of a step may use: those of its event, and of earlier events of the match."""

from __future__ import annotations

from collections.abc import Iterator

from udfs.conditions import Vocabulary
from udfs.patterns.compiling import PREVIOUS, account_kinds, bounds
from udfs.patterns.fields import features_of
from udfs.patterns.pattern import TRANSACTION, Pattern, Step
from udfs.vocabulary.field import FieldKind
from udfs.vocabulary.literals import literal
from udfs.vocabulary.payment_fields import ACCOUNT_EVENT_FIELDS, KIND, PAYMENT_FIELDS

_FIELDS = {**ACCOUNT_EVENT_FIELDS, **PAYMENT_FIELDS}
TEXTS = frozenset(name for name, field in _FIELDS.items() if field.kind is FieldKind.TEXT)


def vocabulary_of(pattern: Pattern, number: int) -> Vocabulary:
    """The vocabulary of the condition of a step; the pattern must be valid apart from its conditions."""
    step = pattern.steps[number]
    names = names_of(pattern, step)
    return Vocabulary(
        numbers=names - TEXTS,
        texts=names & TEXTS,
        steps={name: names_of(pattern, *steps) for name, steps in _references(pattern, number)},
        metadata=True,
        literal=literal,
    )


def names_of(pattern: Pattern, *steps: Step) -> frozenset[str]:
    """The names that events of at least one of the steps have."""
    names: set[str] = set()
    for step in steps:
        if TRANSACTION in step.kinds:
            names.update((KIND.name,), PAYMENT_FIELDS, features_of(pattern.entity))
        if account_kinds(step):
            names.update(ACCOUNT_EVENT_FIELDS)
    return frozenset(names)


def _references(pattern: Pattern, number: int) -> Iterator[tuple[str, list[Step]]]:
    """The names of events that a step's condition may refer to, each with the steps the event may belong to."""
    step = pattern.steps[number]
    before = [each for each in pattern.steps[:number] if not each.absent]
    repeats = not step.absent and bounds(step)[1] != 1
    if step.distinct is not None:
        # Events of a distinct step are taken in bulk, so none of them precedes another.
        repeats = False
    elif before or repeats:
        yield PREVIOUS, [*before, *([step] if repeats else [])]
    if step.absent and step is pattern.steps[-1]:
        return  # a trailing absence may refer to `previous` only
    yield from ((each.name, [each]) for each in before)
    if repeats:
        yield step.name, [step]
