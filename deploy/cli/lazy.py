"""A group of commands that imports a command's module only when that command runs.

Some commands need numba, pyarrow or LightGBM, which take a second to import. ``sentinel --help`` and light commands
must not pay for them: help lines are read from the source of the modules, without importing them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


class FullHelpGroup(TyperGroup):
    """A group whose help wraps the line of each command instead of cutting it."""

    def help_lines(self) -> list[tuple[str, str]]:
        """Names of the commands, each with the first line of its help."""
        return [(name, _first_line(command.help or "")) for name, command in self.commands.items()]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the list of commands of the help page."""
        with formatter.section("Commands"):
            formatter.write_dl(self.help_lines())


class LazyGroup(FullHelpGroup):
    """A group of commands that are imported when they are needed.

    Attributes:
        targets: ``module:attribute`` by name of the command, in the order of the help page. The attribute is a function
            with typer's annotations, or a ``typer.Typer`` for a command with subcommands.
    """

    targets: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **attrs: Any) -> None:  # noqa: ANN401 - typer's own keywords, passed on
        super().__init__(**attrs)
        self.commands = _LazyCommands(self.targets)  # type: ignore[assignment] # read-only: all commands are in it

    def help_lines(self) -> list[tuple[str, str]]:
        return [(name, _first_line(read_help(target))) for name, target in self.targets.items()]

    def list_commands(self, ctx: Context) -> list[str]:
        """Names of the commands, without importing them."""
        return list(self.targets)


class _LazyCommands(Mapping[str, "Command"]):
    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = targets
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._targets[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


def read_help(target: str) -> str:
    """Read the help of a command from the source of its module, without importing it.

    Args:
        target: ``module:attribute``.

    Raises:
        LookupError: the module defines no such function, nor such a ``typer.Typer`` with a help.
    """
    module, attribute = target.split(":")
    for node in _parse(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            return ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _assigns(node, attribute):
            for keyword in node.value.keywords:
                if keyword.arg == "help":
                    return str(ast.literal_eval(keyword.value))
    raise LookupError(f"{module} defines no command {attribute}")


def _parse(module: str) -> ast.Module:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"there is no module {module}")
    return ast.parse(Path(spec.origin).read_text())


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _first_line(text: str) -> str:
    """The first paragraph, as one line."""
    return " ".join(text.partition("\n\n")[0].split())


def _load(name: str, target: str) -> Command:
    module, attribute = target.split(":")
    found = getattr(import_module(module), attribute)
    # A group of its own, since typer builds commands for groups only.
    group = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name, cls=FullHelpGroup)
    else:
        group.command(name)(found)
        group.callback()(lambda: None)
    return get_group(group).commands[name]
