"""``sentinel backtest``: tables, JSON and a page from a file, and clear errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.backtest.agreement import DecisionComparison
from deploy.cli import app
from deploy.errors import OperationError
from tests.pipeline.sent import at

RULES = """
version: 5
rules:
  - {id: large, reason: RULE_LARGE, when: amount > 500, at_least: 0.95}
  - {id: never, reason: RULE_NEVER, when: amount > 1000000000, at_least: 0.95}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["backtest", "--no-model", "--processes", "1", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(RULES)
    return str(path)


@pytest.fixture
def payments(tmp_path: Path) -> str:
    """Ten days, each with a small payment and a large one; the large ones of the first four days are fraud."""
    path = tmp_path / "payments.jsonl"
    rows = [
        {
            "transaction_id": f"t{day}-{amount:.0f}",
            "user_id": "<b>alice</b>",
            "merchant_id": "shop",
            "currency": "EUR",
            "amount": amount,
            "timestamp": at(day * 24 * 60 + amount / 100),
            "is_fraud": amount > 500 and day < 4,
        }
        for day in range(10)
        for amount in (20.0, 600.0)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_a_set_of_rules_is_compared_with_the_shipped_one_in_tables(rules: str, payments: str) -> None:
    output = run("--rules", rules, "--against", "shipped", "--data", payments, "--label-column", "is_fraud")
    assert "20 payments" in output
    assert "20 labeled, 4 fraud (20.000%)" in output
    large = next(line for line in output.splitlines() if "large" in line and "│" in line)
    assert [cell.strip() for cell in large.strip("│").split("│")][:2] == ["large", "10"]
    assert "silent: never" in output
    assert "decided differently" in output
    assert re.search(r"approve at \d.* -> block at 0\.950 \(large\)", output)


def test_the_result_as_json_has_every_figure(rules: str, payments: str) -> None:
    result = json.loads(run("--rules", rules, "--data", payments, "--label-column", "is_fraud", "--json"))
    (policy,) = result["policies"]
    assert policy["name"] == "mine"
    assert policy["precision"]["value"] == 0.4
    assert policy["recall"]["value"] == 1.0
    assert policy["amount_saved"] == 2400.0
    assert policy["amount_held_wrongly"] == 3600.0
    large, never = (cause for cause in result["causes"][0] if cause["kind"] == "rule")
    assert (large["unique_catches"], large["own_false_alerts"], large["flips"]) == (4, 6, 10)
    assert never["fires"] == 0
    with pytest.raises(OperationError, match="no payment was decided"):
        run("--rules", rules, "--data", payments, "--until", "2001-01-01")


def test_the_page_holds_everything_and_escapes_what_the_data_say(rules: str, payments: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ("--data", payments, "--label-column", "is_fraud", "--report", str(page))
    run("--rules", rules, "--against", "shipped", *arguments)
    html = page.read_text()
    assert "prefers-color-scheme: dark" in html
    for title in ("ROC", "Precision and recall", "Cost a day", "Alerts over time", "Decided differently", "Examples"):
        assert f"<h2>{title}</h2>" in html
    assert html.count("<svg") == 5
    assert "&lt;b&gt;alice&lt;/b&gt;" in html
    assert "<b>alice" not in html
    linked = re.findall(r"(?:src|href)=\"(?!#|data:)([^\"]+)\"|url\((?!#)", html)
    assert not linked, "the page must need no network"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the payments"),
        (("--data", "simulation", "--from-topics"), "name the payments"),
        (("--data", "nowhere.parquet"), "nowhere.parquet cannot be read"),
        (("--data", "{payments}", "--rules", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--data", "{payments}", "--thresholds", "block=2"), "thresholds"),
        (("--data", "{payments}", "--since", "yesterday"), "2018-07-25"),
        (("--data", "{payments}", "--mapping", "handbook"), "reads column"),
        (("--data", "{payments}", "--report", "/nowhere/page.html"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(arguments: tuple[str, ...], message: str, payments: str) -> None:
    formatted = [argument.format(payments=payments) for argument in arguments]
    with pytest.raises(OperationError, match=message):
        run(*formatted)


def test_every_problem_of_a_rule_file_is_named(payments: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nrules:\n  - {id: one, reason: RULE_ONE, when: amout > 1, add: 0.1}\n")
    with pytest.raises(OperationError, match=r"bad\.yaml: line 3.*amout"):
        run("--rules", str(path), "--data", payments)


def test_rows_that_cannot_be_read_end_the_backtest_or_are_left_out(payments: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(Path(payments).read_text().replace("600.0", '"dear"', 1))
    with pytest.raises(OperationError, match="dear"):
        run("--data", str(broken))
    assert "19 payments" in run("--data", str(broken), "--skip-bad")


def test_recorded_decisions_are_compared_field_by_field() -> None:
    decision = {"user_id": "ann", "transaction_id": "t1", "score": 0.5, "features": {}, "decided_at": 1}
    recorded = {("ann", "t1"): {**decision, "decided_at": 2, "features": {"amount": 3.0}}}
    encoded = [json.dumps(each).encode() for each in (decision, {**decision, "transaction_id": "t2"})]
    comparison = DecisionComparison(recorded)
    comparison.add(encoded)
    assert (comparison.agreement.compared, comparison.agreement.equal, comparison.agreement.not_recorded) == (1, 1, 1)
    comparison.add([json.dumps({**decision, "score": 0.6, "features": {"amount": 4.0}}).encode()])
    assert comparison.agreement.fields == {"score": 1, "features": 1}
    assert comparison.agreement.equal == 1
