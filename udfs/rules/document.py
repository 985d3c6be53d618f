"""YAML that is read strictly, so that whatever is wrong with it is told with its line."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

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
