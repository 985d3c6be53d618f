"""Parse the YAML documents of rules and patterns strictly, and report every problem with its line.

A document is a mapping with a ``version`` and one list of entries, each with an ``id``.
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
MAX_VERSION = 2**53 - 1
"""Maximum version of a rule, pattern, set or control record: the largest integer every JSON parser reads exactly."""
MAX_CHARACTERS = 2 * 1024 * 1024
_TEXT = "tag:yaml.org,2002:str"


class MalformedYamlError(Exception):
    """Text that is no YAML, or YAML with a duplicate key; the message names the line where it is known."""


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """PyYAML's safe loader, except that every error has a line and duplicate keys are errors.

    Parsing uses libyaml, which is ten times as fast as the Python parser. Composing stays in Python: in C, deep nesting
    would overflow the stack and end the process.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - any YAML
        """Construct a value; one that does not fit its tag, such as ``!!bool perhaps``, is an error with a mark."""
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):
            return node.value  # a fast path for most of a document
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            problem = f"this is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping; a duplicate key is an error, since PyYAML would drop the first value silently."""
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"duplicate key {key.value[:64]!r}"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Parse one YAML document.

    Returns:
        The root node, whose nodes have line numbers, and the constructed value; both None for an empty document.

    Raises:
        MalformedYamlError: the text is no YAML document.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise MalformedYamlError(f"line {mark.line + 1 if mark else 1}: {error.problem or 'invalid YAML'}") from None
    except yaml.reader.ReaderError as error:
        raise _unprintable(text.encode().count(b"\n", 0, error.position), error.character) from None
    except UnicodeEncodeError as error:
        raise _unprintable(text.count("\n", 0, error.start), ord(text[error.start])) from None
    except RecursionError:
        raise MalformedYamlError("invalid YAML: nested too deeply") from None


def _unprintable(lines_before: int, character: int) -> MalformedYamlError:
    return MalformedYamlError(f"line {lines_before + 1}: the character U+{character:04X} cannot be in YAML")


class Entry(NamedTuple):
    """An entry of a document: its content, and its node for positions."""

    content: Any
    node: yaml.Node

    @property
    def line(self) -> int:
        """First line of the entry, from 1."""
        return int(self.node.start_mark.line) + 1


class InvalidDocumentError(Exception):
    """An invalid document; the message lists every problem, one per line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


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
        content = next((each for each in text.splitlines()[first - 1 :] if each.strip()), "")
        return f"line {first + line - 1}, column {len(content) - len(content.lstrip()) + column}"
    if line == 1 and node.start_mark.line == node.end_mark.line:
        return f"line {first}, column {node.start_mark.column + bool(style) + column}"
    # A folded text has lost its line ends: only the column in the value is known.
    return f"{position_of(node)}, column {column} of the text"


def text_line(node: yaml.Node) -> int:
    """First line of a text value, from 1; the text of a block begins in the line after its indicator."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + 1 + block
