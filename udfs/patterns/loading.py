"""Patterns from YAML, with every fault named and where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import yaml

from udfs.conditions import ConditionError, parse_condition
from udfs.conditions.tree import Truth
from udfs.patterns.checking import Fault, faults_of
from udfs.patterns.compiled import CompiledPattern
from udfs.patterns.compiling import compile_pattern
from udfs.patterns.pattern import Pattern
from udfs.patterns.pattern_set import PatternSet
from udfs.patterns.vocabulary import vocabulary_of
from udfs.rule_documents import Entry, FaultyDocumentError, name_of, place_in_text, place_of, read_set, value_node

MAXIMUM_PATTERNS = 256
_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`$", re.DOTALL)
_PATH = re.compile(r"\.(\w+)|\[(\d+)\]")


class PatternError(FaultyDocumentError):
    """Patterns that cannot be used; the message lists every fault, one a line."""


def load_patterns(document: Any) -> PatternSet:  # noqa: ANN401 - text, or any JSON
    """Read a set of patterns.

    Args:
        document: ``version`` and a list of ``patterns``, as the text of a YAML file or as it was read from JSON.

    Raises:
        PatternError: naming every fault with its line and column.
    """
    try:
        version, entries = read_set(document, "patterns", MAXIMUM_PATTERNS)
    except FaultyDocumentError as error:
        raise PatternError(error.faults) from None
    text = document if isinstance(document, str) else ""
    faults: list[str] = []
    found: dict[str, CompiledPattern] = {}
    for entry in entries:
        pattern = _pattern(entry, faults)
        if pattern is None:
            continue
        if pattern.id in found:
            faults.append(f"{place_of(entry.node)}: pattern {pattern.id}: the id is taken by a pattern before it")
        conditions = _conditions(pattern, entry.node, text, faults)
        if not faults:
            found[pattern.id] = compile_pattern(pattern, conditions)
    if faults:
        raise PatternError(faults)
    return PatternSet(version, tuple(found.values()))


def _pattern(entry: Entry, faults: list[str]) -> Pattern | None:
    """The entry as a pattern whose conditions are still to be read, or None and its faults."""
    name = name_of(entry.content)
    try:
        pattern = msgspec.convert(entry.content, Pattern)
    except UnicodeEncodeError:
        faults.append(f"{place_of(entry.node)}: pattern {name}: a text in it holds half a character")
        return None
    except msgspec.ValidationError as error:
        said, path = _said(str(error))
        faults.append(f"{place_of(_node_at(entry.node, path))}: pattern {name}: {said}{_shown(path)}")
        return None
    found: list[Fault] = list(faults_of(pattern))
    faults += [f"{place_of(_node(entry.node, fault.path))}: pattern {name}: {fault.message}" for fault in found]
    return None if found else pattern


def _conditions(pattern: Pattern, node: yaml.Node, text: str, faults: list[str]) -> list[Truth | None]:
    conditions: list[Truth | None] = []
    for number, step in enumerate(pattern.steps):
        if not step.where:
            conditions.append(None)
            continue
        try:
            conditions.append(parse_condition(step.where, vocabulary_of(pattern, number)))
        except ConditionError as error:
            where = _node(node, ("steps", number, "where"))
            place = place_in_text(where, text, error.line, error.column)
            faults.append(f"{place}: pattern {pattern.id}, step {step.name}: {error.message}")
    return conditions


def _said(error: str) -> tuple[str, str]:
    """What msgspec says, and the path of the value of which it says it."""
    found = _PLACE.search(error)
    return (error, "") if found is None else (error[: found.start()], found[1])


def _node(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
    """The node at a path, as far as the document itself says it: what an alias brings along ends the way."""
    for part in path:
        found: yaml.Node | None = None
        if isinstance(part, str):
            found = value_node(node, part)
        elif isinstance(node, yaml.SequenceNode) and part < len(node.value):
            found = node.value[part]
        if found is None:
            break
        node = found
    return node


def _node_at(node: yaml.Node, path: str) -> yaml.Node:
    return _node(node, [name or int(number) for name, number in _PATH.findall(path)])


def _shown(path: str) -> str:
    return f" - at `{path.removeprefix('.')}`" if path else ""
