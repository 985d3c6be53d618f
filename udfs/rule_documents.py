"""Parse the YAML documents of rules and patterns strictly, and report every problem with its line.

A document is a mapping with a ``version`` and one list of entries, each with an ``id``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import yaml

from udfs.strict_yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, MalformedYamlError, read_yaml

IDENTIFIER = r"[a-z][a-z0-9_]{0,63}"
REASON = r"[A-Z][A-Z0-9_]{0,63}"
MAX_VERSION = 2**53 - 1
"""Maximum version of a rule, pattern, set or control record: the largest integer every JSON parser reads exactly."""
MAX_PROBLEMS = 50
"""Problems after which a document is not read further: looking for the name that was meant takes a millisecond each."""
_MAX_PROBLEM_CHARACTERS = 500


class Entry(NamedTuple):
    """An entry of a document: its content, and its node for positions."""

    content: Any
    node: yaml.Node

    @property
    def line(self) -> int:
        """First line of the entry, from 1."""
        return int(self.node.start_mark.line) + 1


class InvalidDocumentError(Exception):
    """An invalid document; the message lists its problems, one per line, up to ``MAX_PROBLEMS``."""

    def __init__(self, problems: Sequence[str]) -> None:
        listed = [_shortened(problem) for problem in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            listed.append(f"only the first {MAX_PROBLEMS} problems are listed: correct them and check again")
        super().__init__("\n".join(listed))
        self.problems = tuple(listed)


def _shortened(problem: str) -> str:
    """A problem without most of the long text that it may quote."""
    if len(problem) <= _MAX_PROBLEM_CHARACTERS:
        return problem
    return f"{problem[: _MAX_PROBLEM_CHARACTERS - 1]}…"


_START = yaml.Mark("", 0, 0, 0, "", 0)
_JSON_NODE = yaml.ScalarNode("", "", _START, _START)
"""The node of entries that were decoded from JSON, which have no positions: all of them are in line 1."""


def read_set(document: Any, kind: str, maximum: int) -> tuple[int, list[Entry]]:  # noqa: ANN401 - text, or any JSON
    """Read the version and the entries of a document.

    Args:
        document: YAML text, or decoded JSON.
        kind: key of the list of entries (``rules`` or ``patterns``).
        maximum: maximum number of entries.

    Raises:
        InvalidDocumentError: the document has another form, or is too large.
    """
    is_text = isinstance(document, str)
    if not is_text:
        _check_extent(document, kind)
    characters = len(document) if is_text else len(json.dumps(document, ensure_ascii=False))
    if characters > MAX_CHARACTERS:
        raise InvalidDocumentError(
            [f"a document of {kind} has at most {MAX_CHARACTERS} characters, this one {characters}"]
        )
    if not is_text:
        version, entries = _outline(document, kind, maximum)
        return version, [Entry(content, _JSON_NODE) for content in entries]
    try:
        root, content = read_yaml(document)
    except MalformedYamlError as error:
        raise InvalidDocumentError([str(error)]) from None
    version, entries = _outline(content, kind, maximum)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    *_, nodes = (value for key, value in pairs if key.value == kind)  # the last one: merge keys may add others
    return version, [Entry(content, node) for content, node in zip(entries, nodes.value, strict=True)]


def _check_extent(document: Any, kind: str) -> None:  # noqa: ANN401 - any JSON
    """Refuse decoded JSON with more values or levels than a text may have."""
    level, nodes = [document], 0
    for _ in range(MAX_DEPTH):
        nodes += len(level)
        if nodes > MAX_NODES:
            raise InvalidDocumentError([f"a document of {kind} has at most {MAX_NODES} keys and values"])
        level = [each for value in level for each in _parts(value)]
        if not level:
            return
    raise InvalidDocumentError([f"a document of {kind} is nested at most {MAX_DEPTH} levels deep"])


def _parts(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return chain(value, value.values())
    return value if isinstance(value, list) else ()


def _outline(document: Any, kind: str, maximum: int) -> tuple[int, list[Any]]:  # noqa: ANN401 - any YAML
    if not isinstance(document, dict) or not isinstance(document.get(kind), list):
        raise InvalidDocumentError([f"line 1: expected a mapping with `version` and a list of `{kind}`"])
    unknown = sorted(str(key) for key in document.keys() - {"version", kind})
    if unknown:
        raise InvalidDocumentError([f"line 1: unknown key {unknown[0]!r}; the keys are `version` and `{kind}`"])
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise InvalidDocumentError([f"line 1: `version` is an integer from 1 to {MAX_VERSION}"])
    entries: list[Any] = document[kind]
    if len(entries) > maximum:
        raise InvalidDocumentError([f"line 1: at most {maximum} {kind} are allowed, found {len(entries)}"])
    return version, entries


def entry_name(entry: Any) -> str:  # noqa: ANN401 - any YAML
    """Describe an entry in a problem: by its id, if it has a valid one."""
    if not isinstance(entry, dict):
        return "that is no mapping"
    entry_id = entry.get("id")
    if not isinstance(entry_id, str):
        return "without id"
    return entry_id if re.fullmatch(IDENTIFIER, entry_id) else repr(entry_id[:64])


def value_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The node of a key's value, or None if the mapping has the key from a merge or not at all."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                found: yaml.Node = value
                return found
    return None


def position_of(node: yaml.Node) -> str:
    """Format the position at which a node begins."""
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def position_in_text(node: yaml.Node, text: str, line: int, column: int) -> str:
    """Format the position in the document of a position in a text value.

    Args:
        node: node of the value.
        text: text of the document.
        line: line in the value, from 1.
        column: column in the value, from 1.
    """
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    first = text_line(node)
    if style == "|":
        # The first non-empty line determines the indentation of the block.
        content = next((each for each in _lines(text)[first - 1 :] if each.strip()), "")
        return f"line {first + line - 1}, column {len(content) - len(content.lstrip()) + column}"
    if line == 1 and node.start_mark.line == node.end_mark.line:
        return f"line {first}, column {node.start_mark.column + bool(style) + column}"
    # A folded text has lost its line ends: only the column in the value is known.
    return f"{position_of(node)}, column {column} of the text"


@lru_cache(maxsize=1)
def _lines(text: str) -> list[str]:
    return text.splitlines()


def text_line(node: yaml.Node) -> int:
    """First line of a text value, from 1; the text of a block begins in the line after its indicator."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + 1 + block
