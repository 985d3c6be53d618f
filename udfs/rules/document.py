"""YAML that is read strictly, so that whatever is wrong with it is told with its line."""

from __future__ import annotations

from typing import Any

import yaml


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
