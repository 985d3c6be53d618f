"""Reference pages are rendered from templates and texts; differences and missing texts are named."""

from __future__ import annotations

from pathlib import Path
from queue import Queue
from threading import Thread
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.docs import cli_page, pages, site, words
from deploy.docs.markdown import anchor, table
from deploy.errors import OperationError


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of metrics alone, in a folder of the test."""
    monkeypatch.setattr(pages, "REFERENCE", tmp_path)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "CONTEXTS", {"metrics": pages.CONTEXTS["metrics"]})
    monkeypatch.setattr(pages, "render", lambda name: "# Metrics\n\nfirst\nsecond\n")
    return tmp_path / "metrics.md"


def test_a_page_that_agrees_with_the_code_has_no_difference(copied: Path) -> None:
    assert pages.write_pages() == [Path("metrics.md")]
    assert list(pages.differences()) == []
    assert pages.write_pages() == []


def test_the_first_line_that_differs_is_named(copied: Path) -> None:
    copied.write_text("# Metrics\n\nfirst\nedited by hand\nand more\n")
    (difference,) = pages.differences()
    assert difference == pages.Difference(Path("metrics.md"), 4, "edited by hand", "second")
    assert str(difference).splitlines() == [
        "metrics.md, line 4 differs from the code:",
        "  committed: edited by hand",
        "  generated: second",
    ]


def test_a_page_that_ends_early_differs_where_it_ends(copied: Path) -> None:
    copied.write_text("# Metrics\n\nfirst\n")
    (difference,) = pages.differences()
    assert (difference.line, difference.committed) == (4, None)


def test_the_check_fails_with_the_page_and_the_line(copied: Path) -> None:
    result = CliRunner().invoke(app, ["docs", "--check"])
    assert isinstance(result.exception, OperationError)
    assert "metrics.md, line 1" in str(result.exception)


def test_a_command_without_anything_to_do_says_what_it_can_do() -> None:
    result = CliRunner().invoke(app, ["docs"])
    assert isinstance(result.exception, OperationError)
    assert "--check" in str(result.exception)


@pytest.mark.parametrize(
    ("names", "fault"),
    [(["a"], "b is not in the code"), (["a", "b", "c"], "c has no text"), (["a", "d"], "d has no text; b is not")],
)
def test_a_name_without_text_and_a_text_without_name_are_faults(
    names: list[str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "words", lambda page: {"things": {"a": "A.", "b": "B."}})
    with pytest.raises(OperationError, match=fault):
        words.texts("metrics", "things", names)


def test_texts_come_in_the_order_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "words", lambda page: {"things": {"a": "A.", "b": "B."}})
    assert list(words.texts("metrics", "things", ["b", "a"]).items()) == [("b", "B."), ("a", "A.")]


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [["x | y\nz"]]).splitlines()[-1] == "| x \\| y<br>z |"


@pytest.mark.parametrize(
    ("heading", "wanted"),
    [
        ("`sentinel dead-letters replay`", "sentinel-dead-letters-replay"),
        ("Velocity of the user's", "velocity-of-the-users"),
    ],
)
def test_anchors_are_those_of_mkdocs(heading: str, wanted: str) -> None:
    assert anchor(heading) == wanted


def test_examples_and_exit_codes_of_a_help_text_have_their_own_places() -> None:
    help_text = "Do ``it``,\ntwice.\n\nMore.\n\nExample: sentinel it --now\n\nExit codes: 0 done; 1 not."
    command = cli_page.command("sentinel it", help_text, [])
    assert command.help == ["Do `it`, twice.", "More."]
    assert command.examples == ["sentinel it --now"]
    assert command.exit_codes == "Exit codes: 0 done; 1 not."


def test_a_command_without_an_example_is_a_fault() -> None:
    with pytest.raises(OperationError, match="sentinel it has no example"):
        cli_page.examples(cli_page.command("sentinel it", "Do it.", []))


def test_a_built_site_is_served_on_the_loopback_interface(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the page")
    reported: Queue[str] = Queue()
    Thread(target=site.serve, args=(tmp_path, 0, reported.put), daemon=True).start()
    (address,) = [word for word in reported.get(timeout=10).split() if word.startswith("http://127.0.0.1:")]
    with urlopen(address) as answer:
        assert answer.read() == b"the page"
