"""The reference of the command line: commands and options from the typer application, examples from the texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import typer

from deploy.docs.markdown import anchor, code, codes, one_line, table
from deploy.docs.words import texts, words
from deploy.errors import OperationError
from deploy.paths import ROOT

NAME = "sentinel"
EXIT_CODES = ("0", "1", "2", "130")
_VALUES = {int: "integer", float: "number", str: "text", Path: "path"}


class Command(NamedTuple):
    """One command that does something; the name has the program's name and those of groups in front.

    Attributes:
        name: as it is typed.
        help: paragraphs of the help text; the first one is the summary.
        examples: command lines of the help text.
        exit_codes: paragraph of the help text about them; empty if it has none.
        parameters: typer's arguments and options.
    """

    name: str
    help: list[str]
    examples: list[str]
    exit_codes: str
    parameters: list[Any]


def command(name: str, help_text: str, parameters: list[Any]) -> Command:
    """A command, its help text split into description, examples and exit codes."""
    paragraphs = [each.strip() for each in help_text.split("\n\n") if each.strip()]
    examples = [each for each in paragraphs if re.match("Examples?:", each)]
    exit_codes = [each for each in paragraphs if re.match("Exit codes?:", each)]
    return Command(
        name,
        [_markdown(each) for each in paragraphs if each not in examples + exit_codes],
        [line.strip() for each in examples for line in each.partition(":")[2].splitlines() if line.strip()],
        " ".join(map(_markdown, exit_codes)),
        parameters,
    )


def commands() -> Iterator[Command]:
    """Every command, in the order of `sentinel --help`; a group counts only if it does something by itself."""
    from deploy.cli import app  # noqa: PLC0415 - the command line imports this module

    yield from _below(typer.main.get_command(app), NAME)


def _below(group: Any, prefix: str) -> Iterator[Command]:  # noqa: ANN401 - typer's own copy of click has no public types
    below: Mapping[str, Any] = group.commands
    for name, each in below.items():
        full = f"{prefix} {name}"
        inner = getattr(each, "commands", None)
        if not inner or each.invoke_without_command:
            # Of a group that does something by itself, the help of its function, if it has one.
            help_text = (inner and getattr(each.callback, "__doc__", None)) or each.help or ""
            yield command(full, cleandoc(help_text), [one for one in each.params if not one.hidden])
        if inner:
            yield from _below(each, full)


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    every = list(commands())
    codes_of_exit = texts("cli", "exit_codes", EXIT_CODES)
    return {
        "commands": table(
            ("Command", "Action"),
            ((f"[{code(each.name)}](#{anchor(each.name)})", each.help[0]) for each in every),
        ),
        "exit_codes": table(("Code", "Meaning"), ((code(number), text) for number, text in codes_of_exit.items())),
        "details": [
            {
                "name": each.name,
                "help": "\n\n".join(each.help),
                "usage": usage(each),
                "parameters": _parameters(each),
                "examples": "\n".join(examples(each)),
                "exit_codes": each.exit_codes,
            }
            for each in every
        ],
    }


def examples(command: Command) -> list[str]:
    """Command lines of the help text, then those of the page.

    Raises:
        OperationError: there are none.
    """
    more: dict[str, str] = words("cli")["examples"]
    lines = [*command.examples, *more.get(command.name, "").splitlines()]
    if not lines:
        raise OperationError(f"{command.name} has no example: add `Example: {command.name} ...` to its help")
    return list(dict.fromkeys(lines))


def usage(command: Command) -> str:
    """The line that says how a command is typed."""
    arguments = [each for each in command.parameters if each.param_type_name == "argument"]
    options = ["[OPTIONS]"] if len(arguments) < len(command.parameters) else []
    shown = [each.name.upper() if each.required else f"[{each.name.upper()}]" for each in arguments]
    return " ".join((command.name, *options, *shown))


def _parameters(command: Command) -> str:
    if not command.parameters:
        return ""
    rows = [(code(_name(each)), _value(each), _default(each), one_line(each.help or "")) for each in command.parameters]
    return table(("Argument or option", "Value", "Default", "Meaning"), rows)


def _name(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return ", ".join((*parameter.opts, *parameter.secondary_opts))


def _value(parameter: Any) -> str:  # noqa: ANN401
    """The kind of value, its range, and whether it may be repeated."""
    if getattr(parameter, "is_flag", False):
        return "flag"
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    shown = codes(each.value for each in kind) if issubclass(kind, Enum) else _VALUES[kind]
    low, high = parameter.min, parameter.max
    bounds = f"{'' if low is None else f' from {low:,}'}{'' if high is None else f' to {high:,}'}"
    return f"{shown}{bounds}{', repeatable' if parameter.multiple else ''}"


def _default(parameter: Any) -> str:  # noqa: ANN401
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default == "":
        return ""
    if isinstance(default, bool):
        return code(parameter.opts[0]) if default else ""
    if isinstance(default, list | tuple):
        return codes(each.value if isinstance(each, Enum) else each for each in default)
    if isinstance(default, Path) and default.is_relative_to(ROOT):
        default = default.relative_to(ROOT)
    return code(f"{default:g}" if isinstance(default, float) else default)


def _markdown(paragraph: str) -> str:
    """A paragraph in one line, with reStructuredText's code marks as Markdown's."""
    return one_line(paragraph).replace("``", "`")
