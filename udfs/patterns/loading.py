"""Load patterns from YAML or JSON, and report every problem with its position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import yaml

from udfs.conditions import MAX_TOKENS, TOO_MANY_TOKENS, ConditionError, count_tokens, parse_condition
from udfs.conditions.tree import Predicate
from udfs.gc_paused import gc_paused
from udfs.patterns.checking import Problem, check_pattern
from udfs.patterns.compiled import CompiledPattern
from udfs.patterns.compiling import compile_pattern
from udfs.patterns.pattern import Pattern
from udfs.patterns.pattern_set import PatternSet
from udfs.patterns.vocabulary import vocabulary_of
from udfs.rule_documents import (
    MAX_PROBLEMS,
    Entry,
    InvalidDocumentError,
    entry_name,
    position_in_text,
    position_of,
    read_set,
    value_node,
)

MAX_PATTERNS = 256
_PATH_IN_MESSAGE = re.compile(r" - at (?:`key` in )?`\$(.*)`$", re.DOTALL)
_PATH_PARTS = re.compile(r"\.(\w+)|\[(\d+)\]")


class PatternError(InvalidDocumentError):
    """Invalid patterns; the message lists every problem, one per line."""


def load_patterns(document: Any) -> PatternSet:  # noqa: ANN401 - text, or any JSON
    """Load a set of patterns.

    Args:
        document: a mapping with ``version`` and a list of ``patterns``, as YAML text or as decoded JSON.

    Raises:
        PatternError: the patterns are invalid; lists every problem with its line and column.
    """
    try:
        with gc_paused():
            version, entries = read_set(document, "patterns", MAX_PATTERNS)
            return PatternSet(version, _parse(entries, document if isinstance(document, str) else ""))
    except InvalidDocumentError as error:
        raise PatternError(error.problems) from None


def _parse(entries: Sequence[Entry], text: str) -> tuple[CompiledPattern, ...]:
    problems: list[str] = []
    patterns: dict[str, CompiledPattern] = {}
    tokens = 0
    for entry in entries:
        if len(problems) > MAX_PROBLEMS:
            break
        pattern = _pattern(entry, problems)
        if pattern is None:
            continue
        tokens += sum(count_tokens(step.where) for step in pattern.steps)
        if tokens > MAX_TOKENS:
            problems.append(f"{position_of(entry.node)}: pattern {pattern.id}: {TOO_MANY_TOKENS}")
            break
        if pattern.id in patterns:
            problems.append(f"{position_of(entry.node)}: pattern {pattern.id}: an earlier pattern has the same id")
        conditions = _conditions(pattern, entry.node, text, problems)
        if not problems:
            patterns[pattern.id] = compile_pattern(pattern, conditions)
    if problems:
        raise PatternError(problems)
    return tuple(patterns.values())


def _pattern(entry: Entry, problems: list[str]) -> Pattern | None:
    """Convert an entry to a pattern with unparsed conditions; if invalid, append its problems and return None."""
    name = entry_name(entry.content)
    try:
        pattern = msgspec.convert(entry.content, Pattern)
    except UnicodeEncodeError:
        problems.append(f"{position_of(entry.node)}: pattern {name}: a text contains a lone surrogate")
        return None
    except msgspec.ValidationError as error:
        message, path = _split_path(str(error))
        position = position_of(_node_at_text(entry.node, path))
        problems.append(f"{position}: pattern {name}: {message}{_path_suffix(path)}")
        return None
    found: list[Problem] = list(check_pattern(pattern))
    problems += [f"{position_of(_node_at(entry.node, one.path))}: pattern {name}: {one.message}" for one in found]
    return None if found else pattern


def _conditions(pattern: Pattern, node: yaml.Node, text: str, problems: list[str]) -> list[Predicate | None]:
    conditions: list[Predicate | None] = []
    for number, step in enumerate(pattern.steps):
        if not step.where:
            conditions.append(None)
            continue
        try:
            conditions.append(parse_condition(step.where, vocabulary_of(pattern, number)))
        except ConditionError as error:
            where = _node_at(node, ("steps", number, "where"))
            position = position_in_text(where, text, error.line, error.column)
            problems.append(f"{position}: pattern {pattern.id}, step {step.name}: {error.message}")
    return conditions


def _split_path(error: str) -> tuple[str, str]:
    """Split an error of msgspec into its message and the path of the value."""
    found = _PATH_IN_MESSAGE.search(error)
    return (error, "") if found is None else (error[: found.start()], found[1])


def _node_at(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
    """The node at a path, or its closest ancestor with a position: aliases and merge keys have none."""
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


def _node_at_text(node: yaml.Node, path: str) -> yaml.Node:
    return _node_at(node, [name or int(number) for name, number in _PATH_PARTS.findall(path)])


def _path_suffix(path: str) -> str:
    return f" - at `{path.removeprefix('.')}`" if path else ""
