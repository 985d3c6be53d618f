"""YAML that is read strictly, so that whatever is wrong with it is told with its line: sets of rules, and of patterns.

A set is a mapping with a ``version`` and one list of entries, each of them with an ``id``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

IDENTIFIER = r"[a-z][a-z0-9_]{0,63}"
REASON = r"[A-Z][A-Z0-9_]{0,63}"
LAST_VERSION = 2**53 - 1
"""Of rules, patterns, sets and changes: the largest whole number that every reader of JSON reads exactly."""
MAXIMUM_CHARACTERS = 2 * 1024 * 1024


class DocumentError(Exception):
    """Text that is no YAML, or is YAML that says something twice; the message names the line where one is known."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, less two habits: to fail without saying where, and to let the last of equal keys win."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - any YAML
        """Fail with a mark also where a value is not what its tag says, such as ``!!bool perhaps``."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            problem = f"this cannot be read as {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is there twice: the first would be dropped in silence."""
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"{key.value[:64]!r} is there twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_document(text: str) -> tuple[yaml.Node | None, Any]:
    """Read one YAML document.

    Returns:
        Its nodes, which know their lines, and what they say; None twice for an empty document.

    Raises:
        DocumentError: it is none.
    """
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            return root, None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise DocumentError(f"line {mark.line + 1 if mark else 1}: {error.problem or 'no YAML'}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(f"line {line}: the character U+{error.character:04X} cannot be in YAML") from None
    except RecursionError:
        raise DocumentError("no YAML: nested too deeply") from None


class Entry(NamedTuple):
    """One entry of a set: what it says, and the node that knows where."""

    content: Any
    node: yaml.Node

    @property
    def line(self) -> int:
        """Where it begins, from 1."""
        return int(self.node.start_mark.line) + 1


class FaultyDocumentError(Exception):
    """A document that cannot be used; the message lists every fault, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def read_set(text: str, kind: str, maximum: int) -> tuple[int, list[Entry]]:
    """Read a set: its version and its entries.

    Args:
        text: YAML (or JSON, which is YAML).
        kind: what the entries are: the key of their list (``rules``).
        maximum: number of entries.

    Raises:
        FaultyDocumentError: it is none.
    """
    if len(text) > MAXIMUM_CHARACTERS:
        raise FaultyDocumentError([f"{kind} take at most {MAXIMUM_CHARACTERS} characters, these {len(text)}"])
    try:
        root, document = read_document(text)
    except DocumentError as error:
        raise FaultyDocumentError([str(error)]) from None
    version, entries = _outline(document, kind, maximum)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    *_, nodes = (value for key, value in pairs if key.value == kind)  # the last, if others were merged in
    return version, [Entry(content, node) for content, node in zip(entries, nodes.value, strict=True)]


def _outline(document: Any, kind: str, maximum: int) -> tuple[int, list[Any]]:  # noqa: ANN401 - any YAML
    if not isinstance(document, dict) or not isinstance(document.get(kind), list):
        raise FaultyDocumentError([f"line 1: a mapping with `version` and a list of `{kind}` is wanted"])
    unknown = sorted(str(key) for key in document.keys() - {"version", kind})
    if unknown:
        raise FaultyDocumentError([f"line 1: {unknown[0]!r} is not known beside `version` and `{kind}`"])
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= LAST_VERSION:
        raise FaultyDocumentError([f"line 1: `version` is a whole number from 1 to {LAST_VERSION}"])
    entries: list[Any] = document[kind]
    if len(entries) > maximum:
        raise FaultyDocumentError([f"line 1: at most {maximum} {kind}, these are {len(entries)}"])
    return version, entries


def name_of(entry: Any) -> str:  # noqa: ANN401 - any YAML
    """How an entry is called in a fault."""
    if not isinstance(entry, dict):
        return "that is no mapping"
    given = entry.get("id")
    if not isinstance(given, str):
        return "without id"
    return given if re.fullmatch(IDENTIFIER, given) else repr(given[:64])


def value_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The node of a key's value, if the mapping says it itself."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                found: yaml.Node = value
                return found
    return None


def place_of(node: yaml.Node) -> str:
    """Where a node begins, for a fault."""
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def place_in_text(node: yaml.Node, text: str, line: int, column: int) -> str:
    """Where a place in a text value stands in the document, for a fault.

    Args:
        node: of the value.
        text: of the document.
        line: in the value, from 1.
        column: likewise.
    """
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    first = text_line(node)
    if style == "|":
        # The first line that is not empty says how far the block is indented.
        shown = next((each for each in text.splitlines()[first - 1 :] if each.strip()), "")
        return f"line {first + line - 1}, column {len(shown) - len(shown.lstrip()) + column}"
    if line == 1 and node.start_mark.line == node.end_mark.line:
        return f"line {first}, column {node.start_mark.column + (style is not None) + column}"
    # What is folded has lost its line ends: the value's own places are all that is known.
    return f"{place_of(node)}, and there column {column}"


def text_line(node: yaml.Node) -> int:
    """The line in which a text begins, from 1: a block begins in the line after its sign."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + 1 + block
