"""YAML that is read strictly, so that whatever is wrong with it is told with its line: sets of rules, and of patterns.

A set is a mapping with a ``version`` and one list of entries, each of them with an ``id``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

IDENTIFIER = r"[a-z][a-z0-9_]{0,63}"
REASON = r"[A-Z][A-Z0-9_]{0,63}"
LAST_VERSION = 2**53 - 1
"""Of rules, patterns, sets and changes: the largest whole number that every reader of JSON reads exactly."""
MAXIMUM_CHARACTERS = 2 * 1024 * 1024
_TEXT = "tag:yaml.org,2002:str"


class DocumentError(Exception):
    """Text that is no YAML, or is YAML that says something twice; the message names the line where one is known."""


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """PyYAML's safe loader, less two habits: to fail without saying where, and to let the last of equal keys win.

    libyaml parses, which is ten times as fast as Python. It does not compose: in C, nothing but the end of the stack
    and of the process would stop what is nested without end.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - any YAML
        """Fail with a mark also where a value is not what its tag says, such as ``!!bool perhaps``."""
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):
            return node.value  # most of a document; nothing can be wrong with it
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
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise DocumentError(f"line {mark.line + 1 if mark else 1}: {error.problem or 'no YAML'}") from None
    except yaml.reader.ReaderError as error:
        raise _unprintable(text.encode().count(b"\n", 0, error.position), error.character) from None
    except UnicodeEncodeError as error:
        raise _unprintable(text.count("\n", 0, error.start), ord(text[error.start])) from None
    except RecursionError:
        raise DocumentError("no YAML: nested too deeply") from None


def _unprintable(lines_before: int, character: int) -> DocumentError:
    return DocumentError(f"line {lines_before + 1}: the character U+{character:04X} cannot be in YAML")


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


_START = yaml.Mark("", 0, 0, 0, "", 0)
_NOWHERE = yaml.ScalarNode("", "", _START, _START)
"""The node of what was read as JSON, which knows no lines: all of it is in line 1."""


def read_set(document: Any, kind: str, maximum: int) -> tuple[int, list[Entry]]:  # noqa: ANN401 - text, or any JSON
    """Read a set: its version and its entries.

    Args:
        document: the text of a YAML file, or what has been read as JSON.
        kind: what the entries are: the key of their list (``rules``).
        maximum: number of entries.

    Raises:
        FaultyDocumentError: it is none.
    """
    is_text = isinstance(document, str)
    characters = len(document) if is_text else len(json.dumps(document, ensure_ascii=False))
    if characters > MAXIMUM_CHARACTERS:
        raise FaultyDocumentError([f"{kind} take at most {MAXIMUM_CHARACTERS} characters, these {characters}"])
    if not is_text:
        version, entries = _outline(document, kind, maximum)
        return version, [Entry(content, _NOWHERE) for content in entries]
    try:
        root, content = read_document(document)
    except DocumentError as error:
        raise FaultyDocumentError([str(error)]) from None
    version, entries = _outline(content, kind, maximum)
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
        return f"line {first}, column {node.start_mark.column + bool(style) + column}"
    # What is folded has lost its line ends: the value's own places are all that is known.
    return f"{place_of(node)}, and there column {column}"


def text_line(node: yaml.Node) -> int:
    """The line in which a text begins, from 1: a block begins in the line after its sign."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + 1 + block
