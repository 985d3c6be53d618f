"""Foreign text is text: no command prints what a stranger wrote as markup, emoji or terminal controls."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from rich.panel import Panel
from rich.table import Table
from typer.testing import CliRunner

from deploy import console as output
from deploy.cli import app
from deploy.clients import dead_letters
from deploy.clients.dead_letters import DeadLetter
from deploy.paths import ROOT

HOSTILE = "[/promo] [bold]Sale[/bold] [link=http://x.org]x[/link] :smile: \x1b[31mred\x1b[0m \u202eevil a\x00b\rc"
SHOWN = r"[/promo] [bold]Sale[/bold] [link=http://x.org]x[/link] :smile: \x1b[31mred\x1b[0m \u202eevil a\x00b\rc"
SOURCES = sorted((ROOT / "deploy").rglob("*.py"))


def printed(value: object) -> str:
    target = io.StringIO()
    output.PlainConsole(file=target, width=200, force_terminal=True).print(value)
    return target.getvalue()


def table_of(text: str) -> Table:
    table = Table(text, title=text, caption=text)
    table.add_row(text)
    return table


@pytest.mark.parametrize("value", [HOSTILE, table_of(HOSTILE), Panel(HOSTILE)], ids=["line", "table", "panel"])
def test_what_a_stranger_wrote_is_shown_as_it_is(value: object) -> None:
    assert SHOWN in printed(value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_console_of_the_commands_prints(path: Path) -> None:
    """Whoever makes a console of his own, parses markup or calls ``print`` goes round the escaping."""
    if path == Path(output.__file__):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"Console", "print", "rich.print", "typer.echo", "typer.secho"}, name
            assert not name.endswith((".from_markup", ".render_markup", ".from_ansi")), name
            assert not any(keyword.arg in {"markup", "emoji"} for keyword in node.keywords), ast.unparse(node)
            if name == "Live":
                assert any(keyword.arg == "console" for keyword in node.keywords), "Live without our console"


@pytest.mark.parametrize("last", ["10", "0"])
def test_dead_letters_with_markup_in_every_field_are_listed(monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    letter = DeadLetter(HOSTILE.encode(), HOSTILE.encode(), "not_json", HOSTILE, HOSTILE, "[b]", "[/b]", 0)
    monkeypatch.setattr(dead_letters, "read", lambda *_: iter([letter]))
    result = CliRunner(env={"COLUMNS": "1000"}).invoke(app, ["dead-letters", "--last", last], catch_exceptions=False)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert r"[/promo] [bold]Sale" in result.output
    assert "b'" not in result.output


def test_json_keeps_every_character(capsys: pytest.CaptureFixture[str]) -> None:
    output.say_json({"detail": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {"detail": HOSTILE}
