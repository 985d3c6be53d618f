"""What is wrong with a pattern that has the right form: what its types cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from udfs.patterns.compiling import PREVIOUS, bounds
from udfs.patterns.durations import duration_ms
from udfs.patterns.match_buffer import MAX_BUFFERED_EVENTS
from udfs.patterns.pattern import ACCOUNT_EVENT, TRANSACTION, Entity, Pattern, Step
from udfs.patterns.vocabulary import names_of
from udfs.records.account_event import KINDS
from udfs.rule_documents import IDENTIFIER, LAST_VERSION, REASON

MAXIMUM_STEPS = 12

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong, and with which value of the pattern."""

    path: Path
    message: str


def faults_of(pattern: Pattern) -> Iterator[Fault]:
    """Every fault of a pattern but those of its conditions."""
    yield from _of_names(pattern)
    for key in ("within", "hold"):
        yield from _of_duration((key,), getattr(pattern, key))
    if not 1 <= len(pattern.steps) <= MAXIMUM_STEPS:
        yield Fault(("steps",), f"a pattern has 1 to {MAXIMUM_STEPS} steps, not {len(pattern.steps)}")
        return
    names: set[str] = set()
    for number, step in enumerate(pattern.steps):
        path: Path = ("steps", number)
        if step.name in names:
            yield Fault((*path, "name"), f"there are two steps called {step.name}")
        names.add(step.name)
        for fault in _of_step(pattern, step):
            yield Fault((*path, *fault.path), f"step {step.name[:64]}: {fault.message}")
    yield from _of_order(pattern)
    wanted = sum(bounds(step)[0] for step in pattern.steps if not step.absent)
    if wanted > MAX_BUFFERED_EVENTS:
        yield Fault(("steps",), f"a match needs {wanted} events, and {MAX_BUFFERED_EVENTS} are remembered")


def _of_names(pattern: Pattern) -> Iterator[Fault]:
    if not re.fullmatch(IDENTIFIER, pattern.id):
        yield Fault(("id",), "an id is lower case letters, digits and underscores, at most 64")
    if not re.fullmatch(REASON, pattern.reason):
        yield Fault(("reason",), f"a reason is a CODE_LIKE_THIS, not {pattern.reason[:64]!r}")
    if not 1 <= pattern.version <= LAST_VERSION:
        yield Fault(("version",), f"a version is a whole number from 1 to {LAST_VERSION}")
    if not 0 < pattern.score <= 1:
        yield Fault(("score",), f"a score is above 0 and at most 1, not {pattern.score:g}")


def _of_duration(path: Path, text: str | None) -> Iterator[Fault]:
    if text is not None:
        try:
            duration_ms(text)
        except ValueError as error:
            yield Fault(path, str(error))


def _of_step(pattern: Pattern, step: Step) -> Iterator[Fault]:
    if not re.fullmatch(IDENTIFIER, step.name) or step.name == PREVIOUS:
        yield Fault(("name",), f"a name is lower case letters, digits and underscores, at most 64, and not {PREVIOUS}")
    known = {TRANSACTION, ACCOUNT_EVENT, *KINDS} if pattern.entity is Entity.USER else {TRANSACTION}
    unknown = [kind for kind in step.kinds if kind not in known]
    if unknown or not step.kinds:
        given = unknown[0][:64] if unknown else "nothing"
        yield Fault(("kind",), f"the events of a {pattern.entity} are {', '.join(sorted(known))}, not {given}")
        return
    for key in ("gap", "within"):
        yield from _of_duration((key,), getattr(step, key))
    if step.absent:
        yield from _of_absent(step)
    else:
        yield from _of_quantifier(pattern, step)
        if step.within is not None:
            yield Fault(
                ("within",), "only an absent step at the end waits; the whole pattern has `within`, a step `gap`"
            )


def _of_absent(step: Step) -> Iterator[Fault]:
    for key in ("times", "at_least", "at_most", "distinct", "gap"):
        if getattr(step, key) is not None:
            yield Fault((key,), f"an absent step takes no event, so {key} says nothing")
    if step.optional:
        yield Fault(("optional",), "an absent step is not optional: leave it out")
    if step.contiguity == "strict":
        yield Fault(("contiguity",), "an absent step is never strict: it forbids an event anywhere in between")


def _of_quantifier(pattern: Pattern, step: Step) -> Iterator[Fault]:
    if step.times is not None and (step.at_least is not None or step.at_most is not None):
        yield Fault(("times",), "times says all: no at_least or at_most beside it")
        return
    low, high = bounds(step)
    if low < 1:
        yield Fault(("times" if step.times is not None else "at_least",), "one event at least; or `optional: true`")
    elif high is not None and high < low:
        yield Fault(("at_most",), f"at most {high} cannot be at least {low}")
    if step.distinct is None:
        return
    names = names_of(pattern, step)
    if step.distinct not in names:
        yield Fault(("distinct",), f"its events have nothing called {step.distinct[:64]!r}")
    if step.at_least is None or step.at_most is not None:
        yield Fault(("distinct",), "distinct goes with at_least, which says how many different values there are")
    if step.gap is not None or step.contiguity == "strict":
        yield Fault(("distinct",), "distinct takes every fitting event: no gap and no strict contiguity")


def _of_order(pattern: Pattern) -> Iterator[Fault]:
    last = len(pattern.steps) - 1
    first = pattern.steps[0]
    if first.absent or first.optional:
        yield Fault(("steps", 0), "the first step is one that must be there")
    elif bounds(first)[1] == 1 and (first.gap is not None or first.contiguity == "strict"):
        yield Fault(("steps", 0), "nothing is before the first event: no gap and no strict contiguity")
    taken = [number for number, step in enumerate(pattern.steps) if not step.absent]
    if taken and pattern.steps[taken[-1]].optional:
        yield Fault(("steps", taken[-1]), "the last step that is taken must be there")
    for number, step in enumerate(pattern.steps):
        if step.absent and number == last and step.within is None:
            yield Fault(("steps", number), "an absent step at the end says `within` which time")
        if step.absent and number < last and step.within is not None:
            yield Fault(("steps", number, "within"), "an absent step in between lasts until the next step")
    if taken and taken[-1] < last - 1:
        yield Fault(("steps", last), "one absent step at the end is all that can be waited for")
