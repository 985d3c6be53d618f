"""``sentinel replay`` checks every row before it sends any, says what it found, and fails if nothing can be sent."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.kafka_producer import SendingError
from deploy.cli import app
from deploy.cli import replay as command
from deploy.clients import kafka_clients
from deploy.errors import OperationError

HEADER = "transaction_id,user_id,amount,currency,merchant_id,timestamp,was\n"
GOOD = "t1,u,12.5,EUR,m,2026-01-01T12:00:00Z,No\nt2,u,13.5,EUR,m,2026-01-02T12:00:00Z,Yes\n"
NEGATIVE = "t3,u,-1.5,EUR,m,2026-01-02T12:00:01Z,No\n"
UNREADABLE = "t4,u,12.5O,EUR,m,2026-01-02T12:00:02Z,No\n"


class Broker:
    """Stands in for a Kafka producer; fails after some records if told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.fails_after: int | None = None

    def send(self, _topic: str, _key: bytes | None, value: bytes) -> None:
        if len(self.sent) == self.fails_after:
            raise SendingError("Kafka did not accept a record: broken")
        self.sent.append(json.loads(value))

    def poll(self) -> None:
        """Every record is delivered."""

    def close(self) -> None:
        """Every record is delivered."""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    stub = Broker()
    monkeypatch.setattr(kafka_clients, "producer", lambda _: stub)
    monkeypatch.setattr(command, "newest_event_time", lambda _: None)
    return stub


def run(folder: Path, text: str | bytes, *arguments: str) -> Result:
    file = folder / "rows.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return CliRunner().invoke(app, ["replay", str(file), *arguments])


def refused(result: Result) -> str:
    assert isinstance(result.exception, OperationError), result.output
    return str(result.exception)


def test_all_rows_are_sent_and_how_the_file_was_read_is_said(broker: Broker, tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + GOOD, "--label-column", "was", "--labels-after", "1")
    assert result.exit_code == 0
    assert "rows.csv: read as CSV: delimiter comma" in result.output
    assert "2 transactions and 2 labels sent in" in result.output
    assert [each.get("label") for each in broker.sent] == [None, "legitimate", None, "fraud"]


def test_nothing_is_sent_if_one_row_is_bad_and_each_reason_is_named(broker: Broker, tmp_path: Path) -> None:
    message = refused(run(tmp_path, HEADER + GOOD + NEGATIVE + UNREADABLE))
    assert broker.sent == []
    assert message.splitlines() == [
        "2 cannot be sent, so nothing was sent: correct or map them, or leave them out with --skip-bad. By reason:",
        "  1 amount_negative",
        "    row 3 (line 4): amount is -1.5; a refund is not a payment to decide",
        "  1 value_unreadable in amount",
        "    row 4 (line 5), amount: '12.5O' is no number",
    ]


def test_bad_rows_can_be_left_out_and_are_counted(broker: Broker, tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + GOOD + NEGATIVE + UNREADABLE, "--skip-bad")
    assert result.exit_code == 0
    assert "2 left out, by reason:\n  1 amount_negative\n" in result.output
    assert "2 transactions sent" in result.output
    assert [each["transaction_id"] for each in broker.sent] == ["t1", "t2"]


@pytest.mark.parametrize("skip", [(), ("--skip-bad",)])
def test_a_file_of_which_the_job_would_refuse_every_row_is_not_sent(
    skip: tuple[str, ...], broker: Broker, tmp_path: Path
) -> None:
    message = refused(run(tmp_path, HEADER + NEGATIVE, *skip))
    assert message.startswith(
        "1 cannot be sent, so nothing was sent: every row is bad. By reason:\n  1 amount_negative"
    )
    assert broker.sent == []


def test_an_empty_file_is_not_a_success(broker: Broker, tmp_path: Path) -> None:
    assert refused(run(tmp_path, HEADER)) == "the file has no rows, so nothing was sent"
    assert broker.sent == []


def test_a_dry_run_sends_nothing_and_asks_no_broker(tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + GOOD, "--dry-run")
    assert result.exit_code == 0
    assert "2 transactions could be sent; nothing was sent (--dry-run)" in result.output


def test_the_outcome_can_be_one_line_of_json(broker: Broker, tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + GOOD + NEGATIVE, "--skip-bad", "--json")
    assert json.loads(result.output) == {
        "payments": 2,
        "labels": 0,
        "late": 0,
        "left_out": {"amount_negative": 1},
        "sent": True,
    }
    assert len(broker.sent) == 2


def test_times_of_the_future_are_reported_before_anything_is_sent(broker: Broker, tmp_path: Path) -> None:
    message = refused(run(tmp_path, HEADER + GOOD.replace("2026-01-02", "2026-01-04"), "--from-now"))
    assert "1 time_in_future" in message
    assert "--until-now moves the times of a file to the present" in message
    assert broker.sent == []


def test_a_paced_replay_is_checked_by_the_time_at_which_each_row_is_due(broker: Broker, tmp_path: Path) -> None:
    times = HEADER + GOOD.replace("2026-01-02", "2026-01-04")
    assert run(tmp_path, times, "--from-now", "--speedup", "1", "--dry-run").exit_code == 0
    assert broker.sent == []


def test_the_last_record_can_be_moved_to_now_with_its_label(broker: Broker, tmp_path: Path) -> None:
    options = ("--until-now", "--label-column", "was", "--labels-after", "7")
    assert run(tmp_path, HEADER + GOOD, *options).exit_code == 0
    assert 0 <= time.time() * 1000 - broker.sent[-1]["timestamp"] < 60_000


def test_a_file_whose_times_begin_at_0_can_be_moved_to_now(broker: Broker, tmp_path: Path) -> None:
    rows = HEADER + "t1,u,1,EUR,m,0,0\nt2,u,1,EUR,m,1,1\n"
    options = ("--time-unit", "s", "--from-now", "--label-column", "was", "--labels-after", "0")
    assert run(tmp_path, rows, *options).exit_code == 0
    assert len(broker.sent) == 4
    assert broker.sent[-1]["event_time"] - broker.sent[0]["timestamp"] == 1000


def test_rows_that_will_be_late_are_reported(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = 1_767_355_200_000  # 2026-01-02T12:00:00Z
    monkeypatch.setattr(command, "newest_event_time", lambda _: newest)
    assert "1 of 2 payments will be late" in run(tmp_path, HEADER + GOOD).output
    assert len(broker.sent) == 2


def test_a_replay_that_ends_early_says_how_many_were_sent(broker: Broker, tmp_path: Path) -> None:
    broker.fails_after = 1
    result = run(tmp_path, HEADER + GOOD)
    assert isinstance(result.exception, SendingError)
    assert "ended early: at most 1 transactions were sent" in result.output


def test_a_namibian_country_is_text(broker: Broker, tmp_path: Path) -> None:
    rows = HEADER.replace("was", "location.country") + GOOD.replace("No", "NA").replace("Yes", "NA")
    assert run(tmp_path, rows).exit_code == 0
    assert [each["location"] for each in broker.sent] == [{"country": "NA"}] * 2


def test_text_of_another_encoding_is_refused_or_read_as_asked(broker: Broker, tmp_path: Path) -> None:
    rows = (HEADER + GOOD.replace(",m,", ",Caf\u00e9,")).encode("cp1252")
    assert "say --encoding cp1252" in refused(run(tmp_path, rows))
    assert run(tmp_path, rows, "--encoding", "cp1252").exit_code == 0
    assert {each["merchant_id"] for each in broker.sent} == {"Caf\u00e9"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--decimal", "x"), "--decimal x is not known: use one of . ,"),
        (("--time-unit", "weeks"), "--time-unit weeks is not known: use one of ns"),
        (("--time-zone", "Mars"), "there is no time zone 'Mars'"),
        (("--from-now", "--until-now"), "exclude each other"),
    ],
)
def test_an_impossible_option_is_refused(arguments: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    assert reason in refused(run(tmp_path, HEADER + GOOD, *arguments))
