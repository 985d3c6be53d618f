"""What the condition of a step may speak of: its own event, and the events that were taken before it."""

from __future__ import annotations

from collections.abc import Iterator

from udfs.conditions import Vocabulary
from udfs.patterns.compiling import PREVIOUS, account_kinds, bounds
from udfs.patterns.fields import OF_ACCOUNT_EVENTS, OF_TRANSACTIONS, TEXTS, features_of
from udfs.patterns.pattern import TRANSACTION, Pattern, Step


def vocabulary_of(pattern: Pattern, number: int) -> Vocabulary:
    """The vocabulary of the condition of one step of a pattern that has no other fault."""
    step = pattern.steps[number]
    names = names_of(pattern, step)
    return Vocabulary(
        numbers=names - TEXTS,
        texts=names & TEXTS,
        steps={name: names_of(pattern, *steps) for name, steps in _referable(pattern, number)},
    )


def names_of(pattern: Pattern, *steps: Step) -> frozenset[str]:
    """The names that events of the steps have, some of them at least."""
    names: set[str] = set()
    for step in steps:
        if TRANSACTION in step.kinds:
            names.update(OF_TRANSACTIONS, features_of(pattern.entity))
        if account_kinds(step):
            names.update(OF_ACCOUNT_EVENTS)
    return frozenset(names)


def _referable(pattern: Pattern, number: int) -> Iterator[tuple[str, list[Step]]]:
    """What may be referred to, and the steps that may have taken it."""
    step = pattern.steps[number]
    before = [each for each in pattern.steps[:number] if not each.absent]
    repeats = not step.absent and bounds(step)[1] != 1
    if step.distinct is not None:
        # Its events are taken all at once, so that there is none before another.
        repeats = False
    elif before or repeats:
        yield PREVIOUS, [*before, *([step] if repeats else [])]
    if step.absent and step is pattern.steps[-1]:
        return  # what is waited for is known with the last event only
    yield from ((each.name, [each]) for each in before)
    if repeats:
        yield step.name, [step]
