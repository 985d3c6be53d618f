"""Read YAML strictly, with a bound on the work that a text may cause.

Aliases and merge keys are counted as if they were written out, before anything is constructed from them: a kilobyte of
aliases of aliases is refused within milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer, ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

MAX_CHARACTERS = 2 * 1024 * 1024
"""Maximum length of a text, and of its values with every alias written out."""
MAX_NODES = 100_000
"""Maximum number of keys, values, lists and mappings with every alias written out: 5,000 rules with all their keys."""
MAX_DEPTH = 32
"""Maximum number of lists and mappings inside one another; a pattern needs 7."""
_MAX_NON_TEXT = 64
"""Maximum length of a number or date. The work to read one of base 60, ``1:59:59:...``, grows with its square."""
_TEXT = "tag:yaml.org,2002:str"
_KEY_TAGS = (_TEXT, "tag:yaml.org,2002:merge")
_BOOLEAN = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_TAG_DIRECTIVE = re.compile(r"(?:\A\ufeff?|[\n\r\x85\u2028\u2029])%TAG")
"""A directive that declares a tag prefix. libyaml compares each one with all others."""


def _implicit_resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Which plain values are no texts: as in YAML 1.2, `on`, `off`, `yes`, `no` and dates are texts."""
    boolean, timestamp = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for first, resolvers in Resolver.yaml_implicit_resolvers.items():
        others = [(tag, pattern) for tag, pattern in resolvers if tag not in (boolean, timestamp)]
        found[first] = [(boolean, _BOOLEAN), *others] if first in "tTfF" else others
    return found


class MalformedYamlError(Exception):
    """Text that is no YAML, or YAML beyond a limit; the message names the line where it is known."""


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """PyYAML's safe loader, except that its work is bounded, every error has a line, and duplicate keys are errors.

    Parsing uses libyaml, which is ten times as fast as the Python parser. Composing stays in Python: in C, deep nesting
    would overflow the stack and end the process.
    """

    yaml_implicit_resolvers = _implicit_resolvers()

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._nodes = 0
        self._characters = 0
        self._depth = 0
        self._sizes: dict[str, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's
        """Compose a node, and count it; an alias counts as much as the value it stands for."""
        event: Any = self.peek_event()  # PyYAML's stubs give the Python parser's types
        anchor, mark = event.anchor, event.start_mark
        if isinstance(event, yaml.AliasEvent):
            if anchor in self._sizes:
                self._count(*self._sizes[anchor], mark)
            elif anchor in self.anchors:
                raise ComposerError(None, None, "an alias inside the value it stands for", mark)
            return super().compose_node(parent, index)
        nodes, characters = self._nodes, self._characters
        self._count(1, len(event.value) if isinstance(event, yaml.ScalarEvent) else 0, mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ComposerError(None, None, f"nested more than {MAX_DEPTH} levels deep", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None:
            self._sizes[anchor] = self._nodes - nodes, self._characters - characters
        return node

    def _count(self, nodes: int, characters: int, mark: Any) -> None:  # noqa: ANN401 - a mark of libyaml
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            problem = f"more than {MAX_NODES} keys and values, with aliases written out"
            raise ComposerError(None, None, problem, mark)
        if self._characters > MAX_CHARACTERS:
            problem = f"more than {MAX_CHARACTERS} characters, with aliases written out"
            raise ComposerError(None, None, problem, mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - a text or None
        """Compose a mapping; its keys are distinct texts.

        PyYAML would drop the first of two values silently. Keys that are numbers could be chosen to collide in a dict.
        """
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ComposerError(None, None, "a key must be a text", key.start_mark)
            if key.tag not in _KEY_TAGS:
                problem = f"the key {key.value[:64]!r} is no text; put it in quotes"
                raise ComposerError(None, None, problem, key.start_mark)
            if key.value in seen:
                raise ComposerError(None, None, f"duplicate key {key.value[:64]!r}", key.start_mark)
            seen.add(key.value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - any YAML
        """Construct a value; one that does not fit its tag, such as ``!!bool perhaps``, is an error with a mark."""
        if isinstance(node, yaml.ScalarNode):
            if node.tag == _TEXT:
                return node.value  # a fast path for most of a document
            if len(node.value) > _MAX_NON_TEXT:
                problem = f"a value that is no text has at most {_MAX_NON_TEXT} characters"
                raise ConstructorError(None, None, problem, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError):
            problem = f"this is no {node.tag.rpartition(':')[2]}"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def read_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Parse one YAML document.

    Returns:
        The root node, whose nodes have line numbers, and the constructed value; both None for an empty document.

    Raises:
        MalformedYamlError: the text is no YAML document, or exceeds a limit.
    """
    directive = _TAG_DIRECTIVE.search(text)
    if directive is not None:
        raise MalformedYamlError(f"line {text.count(chr(10), 0, directive.end()) + 1}: %TAG is not supported")
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
