"""Every command that prints a table prints the same as JSON: people read the one, programs the other."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import typer
from typer.core import TyperGroup

from deploy.cli import app

if TYPE_CHECKING:
    from typer._click import Command

LIVE = frozenset({"demo"})
"""Commands whose tables are a display while they run."""


def leaves(command: Command, name: str = "") -> Iterator[tuple[str, Command]]:
    """Every command that does something, by its words."""
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    for each in command.commands:
        yield from leaves(command.commands[each], f"{name} {each}".strip())


COMMANDS = dict(leaves(typer.main.get_command(app)))


def prints_table(command: Command) -> bool:
    """Whether a command makes a table, itself or in functions of its file that it calls."""
    module = inspect.getmodule(command.callback)
    assert isinstance(module, ModuleType)
    tree = ast.parse(inspect.getsource(module))
    functions = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    assert command.callback is not None
    due, seen = [command.callback.__name__], set[str]()
    while due:
        name = due.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "Table" or called.endswith(".table"):
                    return True
            if isinstance(node, ast.Name) and node.id in functions:
                due.append(node.id)
    return False


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_prints_a_table_has_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    if prints_table(COMMANDS[name]) and name not in LIVE:
        assert "--json" in options


def test_commands_with_tables_are_found() -> None:
    found = {name for name, command in COMMANDS.items() if prints_table(command)}
    assert found >= {"status", "topics", "features", "patterns try", "bench features", "bench patterns"} | LIVE
