"""The command line: every command is listed with its help, found when it is called, and not imported before."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli import Commands, app
from deploy.cli.lazy import read_help
from deploy.paths import ROOT

HEAVY = ("lightgbm", "matplotlib", "numba", "pandas", "pyarrow", "pyflink", "scipy", "sklearn")
LIGHT = (
    *("cancel", "dead-letters", "down", "restore", "savepoint", "status", "stop", "submit", "topics", "up", "watch"),
    *("demo", "simulate"),
)

SAMPLE = '''
raise RuntimeError("imported")
app = Typer(help="A group.")
def one():
    """Do one thing.

    More."""
'''

each_command = pytest.mark.parametrize("name", Commands.targets)


def imported(code: str) -> list[str]:
    """Heavy packages that a fresh interpreter has imported after running some code."""
    shown = f"import sys\n{code}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(result.stdout.splitlines()[-1].replace("'", '"'))
    return found


def help_page(*arguments: str, columns: int = 80) -> str:
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [*arguments, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def words(text: str) -> str:
    return " ".join(text.split())


@each_command
def test_a_command_can_be_loaded_and_its_help_is_that_of_the_list(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.name == name
    assert words(command.help) == words(read_help(Commands.targets[name]))


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_help_page_lists_every_command_with_a_line_that_is_not_cut(columns: int) -> None:
    shown = words(help_page(columns=columns).split("Commands:")[1])
    lines = [
        f"{name} {words(read_help(target).partition(chr(10) * 2)[0])}" for name, target in Commands.targets.items()
    ]
    assert shown == " ".join(lines)
    assert "..." not in shown


@pytest.mark.parametrize("name", ["bench", "patterns", "dead-letters"])
def test_the_lines_of_subcommands_are_not_cut_either(name: str) -> None:
    assert "..." not in help_page(name).split("Commands:")[1]


def test_every_file_with_a_command_is_listed() -> None:
    folder = ROOT / "deploy" / "cli"
    defining = {
        file
        for file in folder.glob("*.py")
        if re.search(rf"^(def {file.stem}\(|app = typer\.Typer\()", file.read_text(), re.MULTILINE)
    }
    listed = {folder / f"{target.split(':')[0].rpartition('.')[2]}.py" for target in Commands.targets.values()}
    assert defining - {folder / "__init__.py"} == listed


def test_an_unknown_command_is_refused_with_one_that_is_meant() -> None:
    result = CliRunner().invoke(app, ["sumbit"])
    assert result.exit_code == 2
    assert "Did you mean 'submit'" in result.output


def test_help_imports_nothing_heavy() -> None:
    helping = "from typer.testing import CliRunner\nfrom deploy.cli import app\nCliRunner().invoke(app, ['--help'])"
    assert imported(helping) == []


def test_light_commands_import_nothing_heavy() -> None:
    modules = {Commands.targets[name].split(":")[0] for name in LIGHT}
    assert imported("\n".join(f"import {module}" for module in sorted(modules))) == []


def test_help_is_read_from_a_function_or_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_commands.py").write_text(SAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    assert read_help("sample_commands:app") == "A group."
    assert read_help("sample_commands:one") == "Do one thing.\n\nMore."
    with pytest.raises(LookupError, match="sample_commands defines no command two"):
        read_help("sample_commands:two")
    with pytest.raises(LookupError, match="there is no module no_such_module"):
        read_help("no_such_module:two")
