"""Rules from YAML, with every fault named and where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import yaml

from udfs.conditions import ConditionError, compile_condition
from udfs.rules.collection import collection_paused
from udfs.rules.document import DocumentError, read_document
from udfs.rules.rule import IDENTIFIER, LAST_VERSION, REASON, Rule
from udfs.rules.rule_set import CompiledRule, RuleSet

MAXIMUM_RULES = 5_000
MAXIMUM_BYTES = 2 * 1024 * 1024
_EFFECTS = ("add", "at_least", "action")


class RuleError(Exception):
    """Rules that cannot be used; the message lists every fault, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def load_rules(text: str, names: Sequence[str]) -> RuleSet:
    """Read a set of rules.

    Args:
        text: YAML (or JSON, which is YAML): ``version`` and a list of ``rules``.
        names: of the feature columns, in order.

    Raises:
        RuleError: naming every fault with its line.
    """
    _check_size(len(text))
    with collection_paused():
        return _read(text, names)


def convert_rules(document: Any, names: Sequence[str]) -> RuleSet:  # noqa: ANN401 - any JSON
    """The same of what has been read as JSON; every fault is in line 1."""
    _check_size(len(json.dumps(document, ensure_ascii=False)))
    with collection_paused():
        version, entries = _outline(document)
        return RuleSet(version, _compiled(entries, [(1, 1)] * len(entries), names))


def _read(text: str, names: Sequence[str]) -> RuleSet:
    try:
        root, document = read_document(text)
    except DocumentError as error:
        raise RuleError([str(error)]) from None
    version, entries = _outline(document)
    return RuleSet(version, _compiled(entries, _lines(root), names))


def _check_size(characters: int) -> None:
    if characters > MAXIMUM_BYTES:
        raise RuleError([f"rules take at most {MAXIMUM_BYTES} characters, these {characters}"])


def _compiled(entries: Sequence[Any], lines: Sequence[tuple[int, int]], names: Sequence[str]) -> list[CompiledRule]:
    """The rules, each with its condition; ``lines`` says where each begins, and where its condition does."""
    columns = {name: column for column, name in enumerate(names)}
    faults: list[str] = []
    rules: list[CompiledRule] = []
    seen: dict[str, int] = {}
    for entry, (line, condition_line) in zip(entries, lines, strict=True):
        rule = _rule(entry, line, faults)
        if rule is None:
            continue
        if rule.id in seen:
            faults.append(f"line {line}: rule {rule.id}: the id is taken by the rule in line {seen[rule.id]}")
        seen[rule.id] = line
        try:
            rules.append(CompiledRule(rule, compile_condition(rule.when, columns)))
        except ConditionError as error:
            place = f"line {condition_line + error.line - 1}, column {error.column} of the condition"
            faults.append(f"{place}: rule {rule.id}: {error.message}")
    if faults:
        raise RuleError(faults)
    return rules


def _outline(document: Any) -> tuple[int, list[Any]]:  # noqa: ANN401 - any YAML
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise RuleError(["line 1: a mapping with `version` and a list of `rules` is wanted"])
    unknown = sorted(str(key) for key in document.keys() - {"version", "rules"})
    if unknown:
        raise RuleError([f"line 1: {unknown[0]!r} is not known beside `version` and `rules`"])
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= LAST_VERSION:
        raise RuleError([f"line 1: `version` is a whole number from 1 to {LAST_VERSION}"])
    entries: list[Any] = document["rules"]
    if len(entries) > MAXIMUM_RULES:
        raise RuleError([f"line 1: at most {MAXIMUM_RULES} rules, these are {len(entries)}"])
    return version, entries


def _lines(root: yaml.Node | None) -> list[tuple[int, int]]:
    """Of every rule: the line where it begins, and the line where its condition does."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    *_, rules = (value for key, value in pairs if key.value == "rules")  # the last, if others were merged in
    return [(node.start_mark.line + 1, _condition_line(node)) for node in rules.value]


def _condition_line(node: yaml.Node) -> int:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "when":
                block = isinstance(value, yaml.ScalarNode) and value.style in ("|", ">")
                return int(value.start_mark.line) + 1 + block
    return int(node.start_mark.line) + 1


def _rule(entry: Any, line: int, faults: list[str]) -> Rule | None:  # noqa: ANN401 - any YAML
    """The entry as a rule, or None and its faults."""
    begin = f"line {line}: rule {_name(entry)}"
    try:
        rule = msgspec.convert(entry, Rule)
    except msgspec.ValidationError as error:
        faults.append(f"{begin}: {error}")
        return None
    found = list(_faults_of(rule))
    faults += [f"{begin}: {fault}" for fault in found]
    return None if found else rule


def _name(entry: Any) -> str:  # noqa: ANN401 - any YAML
    if not isinstance(entry, dict):
        return "that is no mapping"
    given = entry.get("id")
    if not isinstance(given, str):
        return "without id"
    return given if re.fullmatch(IDENTIFIER, given) else repr(given[:64])


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
