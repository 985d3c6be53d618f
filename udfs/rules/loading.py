"""Rules from YAML, with every fault named and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from udfs.conditions import ConditionError, Vocabulary, parse_condition
from udfs.rule_documents import (
    IDENTIFIER,
    LAST_VERSION,
    REASON,
    Entry,
    FaultyDocumentError,
    name_of,
    read_set,
    text_line,
    value_node,
)
from udfs.rules.gc_paused import gc_paused
from udfs.rules.rule import Rule
from udfs.rules.rule_set import ReadRule, RuleSet

MAXIMUM_RULES = 5_000
_EFFECTS = ("add", "at_least", "action")


class RuleError(FaultyDocumentError):
    """Rules that cannot be used; the message lists every fault, one a line."""


def load_rules(document: Any, names: Sequence[str]) -> RuleSet:  # noqa: ANN401 - text, or any JSON
    """Read a set of rules.

    Args:
        document: ``version`` and a list of ``rules``, as the text of a YAML file or as it was read from JSON.
        names: of the feature columns, in order.

    Raises:
        RuleError: naming every fault with its line.
    """
    try:
        with gc_paused():
            version, entries = read_set(document, "rules", MAXIMUM_RULES)
            columns = {name: column for column, name in enumerate(names)}
            return RuleSet(version, _read(entries, Vocabulary(columns)), columns)
    except FaultyDocumentError as error:
        raise RuleError(error.faults) from None


def _read(entries: Sequence[Entry], vocabulary: Vocabulary) -> tuple[ReadRule, ...]:
    faults: list[str] = []
    rules: list[ReadRule] = []
    seen: dict[str, int] = {}
    for entry in entries:
        rule = _rule(entry, faults)
        if rule is None:
            continue
        if rule.id in seen:
            faults.append(f"line {entry.line}: rule {rule.id}: the id is taken by the rule in line {seen[rule.id]}")
        seen[rule.id] = entry.line
        try:
            rules.append(ReadRule(rule, parse_condition(rule.when, vocabulary)))
        except ConditionError as error:
            line = text_line(value_node(entry.node, "when") or entry.node)
            place = f"line {line + error.line - 1}, column {error.column} of the condition"
            faults.append(f"{place}: rule {rule.id}: {error.message}")
    if faults:
        raise RuleError(faults)
    return tuple(rules)


def _rule(entry: Entry, faults: list[str]) -> Rule | None:
    """The entry as a rule, or None and its faults."""
    begin = f"line {entry.line}: rule {name_of(entry.content)}"
    try:
        rule = msgspec.convert(entry.content, Rule)
    except msgspec.ValidationError as error:
        faults.append(f"{begin}: {error}")
        return None
    found = list(_faults_of(rule))
    faults += [f"{begin}: {fault}" for fault in found]
    return None if found else rule


def _faults_of(rule: Rule) -> Iterator[str]:
    if not re.fullmatch(IDENTIFIER, rule.id):
        yield "an id is lower case letters, digits and underscores, at most 64"
    if not re.fullmatch(REASON, rule.reason):
        yield f"a reason is a CODE_LIKE_THIS, not {rule.reason[:64]!r}"
    if not 1 <= rule.version <= LAST_VERSION:
        yield f"a version is a whole number from 1 to {LAST_VERSION}"
    given = [effect for effect in _EFFECTS if getattr(rule, effect) is not None]
    if len(given) != 1:
        yield f"exactly one of {', '.join(_EFFECTS)} says what follows, found {', '.join(given) or 'none'}"
    for effect in ("add", "at_least"):
        share = getattr(rule, effect)
        if share is not None and not 0 < share <= 1:
            yield f"{effect} is above 0 and at most 1, not {share:g}"
