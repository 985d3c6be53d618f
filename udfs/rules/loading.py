"""Load rules from YAML or JSON, and report every problem with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from udfs.conditions import MAX_TOKENS, TOO_MANY_TOKENS, ConditionError, Vocabulary, count_tokens, parse_condition
from udfs.gc_paused import gc_paused
from udfs.rule_documents import (
    IDENTIFIER,
    MAX_PROBLEMS,
    MAX_VERSION,
    REASON,
    Entry,
    InvalidDocumentError,
    entry_name,
    read_set,
    text_line,
    value_node,
)
from udfs.rules.rule import Rule
from udfs.rules.rule_set import ParsedRule, RuleSet
from udfs.rules.validity import validity_problems, with_times
from udfs.rules.vocabulary import rule_vocabulary

MAX_RULES = 5_000
MAX_OWNER = 256
MAX_TESTS = 50
_EFFECTS = ("add", "at_least", "action")


class RuleError(InvalidDocumentError):
    """Invalid rules; the message lists every problem, one per line."""


def load_rules(document: Any, names: Sequence[str]) -> RuleSet:  # noqa: ANN401 - text, or any JSON
    """Load a set of rules.

    Args:
        document: a mapping with ``version`` and a list of ``rules``, as YAML text or as decoded JSON.
        names: names of the feature columns, in order.

    Raises:
        RuleError: the rules are invalid; lists every problem with its line.
    """
    try:
        with gc_paused():
            version, entries = read_set(document, "rules", MAX_RULES)
            columns = {name: column for column, name in enumerate(names)}
            return RuleSet(version, _parse(entries, rule_vocabulary(columns)), columns)
    except InvalidDocumentError as error:
        raise RuleError(error.problems) from None


def _parse(entries: Sequence[Entry], vocabulary: Vocabulary) -> tuple[ParsedRule, ...]:
    problems: list[str] = []
    rules: list[ParsedRule] = []
    line_by_id: dict[str, int] = {}
    tokens = 0
    for entry in entries:
        if len(problems) > MAX_PROBLEMS:
            break
        rule = _rule(entry, problems)
        if rule is None:
            continue
        if rule.id in line_by_id:
            other = line_by_id[rule.id]
            problems.append(f"line {entry.line}: rule {rule.id}: the rule in line {other} has the same id")
        line_by_id[rule.id] = entry.line
        tokens += count_tokens(rule.when)
        if tokens > MAX_TOKENS:
            problems.append(f"line {entry.line}: rule {rule.id}: {TOO_MANY_TOKENS}")
            break
        try:
            rules.append(ParsedRule(rule, parse_condition(rule.when, vocabulary)))
        except ConditionError as error:
            line = text_line(value_node(entry.node, "when") or entry.node)
            position = f"line {line + error.line - 1}, column {error.column} of the condition"
            problems.append(f"{position}: rule {rule.id}: {error.message}")
    if problems:
        raise RuleError(problems)
    return tuple(rules)


def _rule(entry: Entry, problems: list[str]) -> Rule | None:
    """Convert an entry to a rule; if it is invalid, append its problems and return None."""
    prefix = f"line {entry.line}: rule {entry_name(entry.content)}"
    try:
        rule = with_times(msgspec.convert(entry.content, Rule))
    except msgspec.ValidationError as error:
        problems.append(f"{prefix}: {error}")
        return None
    found = list(_problems(rule))
    problems += [f"{prefix}: {problem}" for problem in found]
    return None if found else rule


def _problems(rule: Rule) -> Iterator[str]:
    if not re.fullmatch(IDENTIFIER, rule.id):
        yield "an id has lower-case letters, digits and underscores, at most 64"
    if not re.fullmatch(REASON, rule.reason):
        yield f"a reason is a code like RULE_HIGH_AMOUNT, not {rule.reason[:64]!r}"
    if not 1 <= rule.version <= MAX_VERSION:
        yield f"a version is an integer from 1 to {MAX_VERSION}"
    effects = [effect for effect in _EFFECTS if getattr(rule, effect) is not None]
    if len(effects) != 1:
        yield f"a rule has exactly one of {', '.join(_EFFECTS)}, found {', '.join(effects) or 'none'}"
    yield from validity_problems(rule)
    if len(rule.owner) > MAX_OWNER:
        yield f"an owner has at most {MAX_OWNER} characters"
    if len(rule.tests) > MAX_TESTS:
        yield f"a rule has at most {MAX_TESTS} tests"
    for effect in ("add", "at_least"):
        share = getattr(rule, effect)
        if share is not None and not 0 < share <= 1:
            yield f"{effect} is above 0 and at most 1, not {share:g}"
