"""``sentinel patterns``: problems are found, and patterns are backtested, before they are in force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.backtest.patterns import backtest_simulation
from apps.simulator.simulator import SimulatorOptions
from deploy.cli import app
from deploy.errors import OperationError
from tests.matching import pattern_body
from tests.pipeline.sent import at
from udfs.patterns import default_patterns

SMALL, LARGE = {"name": "small", "where": "amount < 1"}, {"name": "large", "where": "amount > 500"}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["patterns", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(pattern_body(SMALL, LARGE)))
    return path


@pytest.fixture
def payments(tmp_path: Path) -> Path:
    """Ten days, each with a tiny payment and a large one after it; the first is fraud."""
    path = tmp_path / "payments.jsonl"
    rows = [
        {
            "transaction_id": f"t{day}{amount}",
            "user_id": "alice",
            "merchant_id": "shop",
            "currency": "EUR",
            "amount": amount,
            "timestamp": at(day * 24 * 60 + amount / 100),
            "is_fraud": day == 0,
        }
        for day in range(10)
        for amount in (0.5, 600.0)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_without_problems_is_summarized(file: Path) -> None:
    assert "version 1, 1 patterns, no problems" in run("check", str(file))


def test_problems_are_listed_with_file_line_and_column(file: Path) -> None:
    file.write_text(json.dumps(pattern_body(SMALL | {"where": "amuont < 1"}, LARGE)))
    with pytest.raises(OperationError, match=r"mine\.yaml: line 1, column \d+: pattern two, step small: .*'amuont'"):
        run("check", str(file))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="cannot be read"):
        run("check", str(tmp_path / "none.yaml"))


def test_trying_shows_matches_their_rate_and_samples(file: Path, payments: Path) -> None:
    output = run("try", str(file), "--on", str(payments))
    assert "20 transactions in 9.0 days; not labeled" in output
    assert "t00.5 > t0600.0" in output


def test_trying_shows_truncated_searches(file: Path, payments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "truncated" not in run("try", str(file), "--on", str(payments))
    monkeypatch.setattr("udfs.patterns.search.Budget.__init__.__defaults__", (1,))
    assert "two: 10 searches truncated, matches may be missing" in run("try", str(file), "--on", str(payments))


def test_with_labels_it_shows_the_precision_of_each_pattern(file: Path, payments: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("fields: {}\nlabel: is_fraud\n")
    output = run("try", str(file), "--on", str(payments), "--mapping", str(mapping))
    assert "0.100" in output
    assert "2 of them fraud" in output
    assert "(no fraud)" in output


def test_a_simulation_gives_the_recall_of_attacks() -> None:
    backtest = backtest_simulation(default_patterns(), SimulatorOptions(seed=3, users=500, rate=0.05), 3_000)
    assert backtest.transactions >= 3_000
    recall = backtest.recall("card_testing")
    assert recall is not None
    assert recall > 0.8
    assert backtest.recall("nothing_of_that_name") is None


def test_as_json_the_check_lists_what_it_has_read(file: Path) -> None:
    read = json.loads(run("check", str(file), "--json"))
    (pattern,) = read["patterns"]
    assert (read["version"], pattern["id"], pattern["steps"]) == (1, "two", ["small", "large"])


def test_as_json_a_backtest_has_every_match_and_its_figures(file: Path, payments: Path, tmp_path: Path) -> None:
    (unlabeled,) = json.loads(run("try", str(file), "--on", str(payments), "--json"))["patterns"]
    assert (len(unlabeled["matches"]), unlabeled["precision"], unlabeled["matches"][0]["fraud"]) == (10, None, None)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("fields: {}\nlabel: is_fraud\n")
    read = json.loads(run("try", str(file), "--on", str(payments), "--mapping", str(mapping), "--json"))
    (pattern,) = read["patterns"]
    assert (read["transactions"], read["fraud"], pattern["precision"]) == (20, 2, pytest.approx(0.1))
    assert pattern["matches"][0]["transaction_ids"] == ["t00.5", "t0600.0"]
    assert [match["fraud"] for match in pattern["matches"]] == [True] + [False] * 9
