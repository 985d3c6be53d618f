"""Validate a pattern beyond its types."""

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
from udfs.rule_documents import IDENTIFIER, MAX_VERSION, REASON

MAX_STEPS = 12
_RESERVED = (PREVIOUS, "metadata")
"""Names with a meaning of their own in conditions."""

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """A problem of a pattern: the path of the value, and a message."""

    path: Path
    message: str


def check_pattern(pattern: Pattern) -> Iterator[Problem]:
    """Find every problem of a pattern except those of its conditions."""
    yield from _check_names(pattern)
    for key in ("within", "hold"):
        yield from _check_duration((key,), getattr(pattern, key))
    if not 1 <= len(pattern.steps) <= MAX_STEPS:
        yield Problem(("steps",), f"a pattern has 1 to {MAX_STEPS} steps, not {len(pattern.steps)}")
        return
    names: set[str] = set()
    for number, step in enumerate(pattern.steps):
        path: Path = ("steps", number)
        if step.name in names:
            yield Problem((*path, "name"), f"there are two steps named {step.name}")
        names.add(step.name)
        for problem in _check_step(pattern, step):
            yield Problem((*path, *problem.path), f"step {step.name[:64]}: {problem.message}")
    yield from _check_order(pattern)
    required = sum(bounds(step)[0] for step in pattern.steps if not step.absent)
    if required > MAX_BUFFERED_EVENTS:
        yield Problem(("steps",), f"a match needs {required} events, but at most {MAX_BUFFERED_EVENTS} are buffered")


def _check_names(pattern: Pattern) -> Iterator[Problem]:
    if not re.fullmatch(IDENTIFIER, pattern.id):
        yield Problem(("id",), "an id has lower-case letters, digits and underscores, at most 64")
    if not re.fullmatch(REASON, pattern.reason):
        yield Problem(("reason",), f"a reason is a code like PATTERN_CARD_TESTING, not {pattern.reason[:64]!r}")
    if not 1 <= pattern.version <= MAX_VERSION:
        yield Problem(("version",), f"a version is an integer from 1 to {MAX_VERSION}")
    if not 0 < pattern.score <= 1:
        yield Problem(("score",), f"a score is above 0 and at most 1, not {pattern.score:g}")


def _check_duration(path: Path, text: str | None) -> Iterator[Problem]:
    if text is not None:
        try:
            duration_ms(text)
        except ValueError as error:
            yield Problem(path, str(error))


def _check_step(pattern: Pattern, step: Step) -> Iterator[Problem]:
    if not re.fullmatch(IDENTIFIER, step.name) or step.name in _RESERVED:
        reserved = " or ".join(_RESERVED)
        yield Problem(
            ("name",), f"a name has lower-case letters, digits and underscores, at most 64, and is not {reserved}"
        )
    known = {TRANSACTION, ACCOUNT_EVENT, *KINDS} if pattern.entity is Entity.USER else {TRANSACTION}
    unknown = [kind for kind in step.kinds if kind not in known]
    if unknown or not step.kinds:
        found = unknown[0][:64] if unknown else "nothing"
        yield Problem(
            ("kind",), f"the kinds of events of a {pattern.entity} are {', '.join(sorted(known))}, not {found}"
        )
        return
    for key in ("gap", "within"):
        yield from _check_duration((key,), getattr(step, key))
    if step.absent:
        yield from _check_absent(step)
    else:
        yield from _check_quantifier(pattern, step)
        if step.within is not None:
            yield Problem(
                ("within",), "only an absent step at the end has `within`; the pattern has `within`, other steps `gap`"
            )


def _check_absent(step: Step) -> Iterator[Problem]:
    for key in ("times", "at_least", "at_most", "distinct", "gap"):
        if getattr(step, key) is not None:
            yield Problem((key,), f"an absent step has no events, so {key} has no meaning")
    if step.optional:
        yield Problem(("optional",), "an absent step cannot be optional: leave it out")
    if step.contiguity == "strict":
        yield Problem(("contiguity",), "an absent step cannot be strict: it forbids an event anywhere in between")


def _check_quantifier(pattern: Pattern, step: Step) -> Iterator[Problem]:
    if step.times is not None and (step.at_least is not None or step.at_most is not None):
        yield Problem(("times",), "times excludes at_least and at_most")
        return
    low, high = bounds(step)
    if low < 1:
        yield Problem(
            ("times" if step.times is not None else "at_least",),
            "a step has at least one event, or is `optional: true`",
        )
    elif high is not None and high < low:
        yield Problem(("at_most",), f"at_most {high} is less than at_least {low}")
    if step.distinct is None:
        return
    names = names_of(pattern, step)
    if step.distinct not in names:
        yield Problem(("distinct",), f"its events have no {step.distinct[:64]!r}")
    if step.at_least is None or step.at_most is not None:
        yield Problem(("distinct",), "distinct needs at_least, the number of distinct values, and excludes at_most")
    if step.gap is not None or step.contiguity == "strict":
        yield Problem(("distinct",), "distinct takes every fitting event, which excludes gap and strict contiguity")


def _check_order(pattern: Pattern) -> Iterator[Problem]:
    last = len(pattern.steps) - 1
    first = pattern.steps[0]
    if first.absent or first.optional:
        yield Problem(("steps", 0), "the first step cannot be absent or optional")
    elif bounds(first)[1] == 1 and (first.gap is not None or first.contiguity == "strict"):
        yield Problem(("steps", 0), "no event precedes the first one, which excludes gap and strict contiguity")
    present = [number for number, step in enumerate(pattern.steps) if not step.absent]
    if present and pattern.steps[present[-1]].optional:
        yield Problem(("steps", present[-1]), "the last step that is not absent cannot be optional")
    for number, step in enumerate(pattern.steps):
        if step.absent and number == last and step.within is None:
            yield Problem(("steps", number), "an absent step at the end needs `within`, the time without such an event")
        if step.absent and number < last and step.within is not None:
            yield Problem(
                ("steps", number, "within"), "an absent step in between has no `within`: it lasts until the next step"
            )
    if present and present[-1] < last - 1:
        yield Problem(("steps", last), "at most one absent step can be at the end")
