"""An alert as a line on the terminal."""

from __future__ import annotations

import pytest

from deploy.cli.alert_line import STYLES, format_alert
from tests.pipeline.sent import NOW_MS, controlled, paid, pipeline
from udfs.decision import Level

BLOCK = {"version": 2, "rules": [{"id": "one", "when": "amount > 20", "reason": "TOO_MUCH", "action": "block"}]}


def test_an_alert_is_shown_with_time_severity_score_action_user_merchant_and_reasons() -> None:
    _, output = pipeline().process([paid("p-1", 30.0)], NOW_MS, [controlled("rules", 1, BLOCK)])
    (value,) = output.decisions.alerts
    words = format_alert(value).plain.split()
    assert words == ["2026-01-01", "12:00:00", "CRITICAL", "0.90", "block", "alice", "at", "shop", "TOO_MUCH", "p-1"]


def test_every_severity_but_minimal_has_a_style() -> None:
    assert STYLES.keys() == set(Level.__args__) - {"minimal"}  # type: ignore[attr-defined]


def test_brackets_in_an_id_are_no_markup() -> None:
    assert "[red]eve[/red]" in format_alert(b'{"user_id": "[red]eve[/red]"}').plain


def test_what_a_terminal_would_obey_is_escaped() -> None:
    value = b'{"user_id": "\\u001b[31meve\\u202e"}'
    assert r"\x1b[31meve\u202e at" in format_alert(value).plain


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"no json", b"[1]", b'{"score": "high"}', b'{"score": null}', b'{"reasons": [1]}']
)
def test_a_record_that_is_no_alert_is_shown_as_it_is(value: bytes) -> None:
    assert format_alert(value).plain == f"unreadable alert: {value.decode(errors='backslashreplace')}"


@pytest.mark.parametrize(
    ("value", "shown"), [(b"{}", "?"), (b'{"event_time": 99999999999999999}', "99999999999999999")]
)
def test_missing_fields_of_an_alert_are_question_marks(value: bytes, shown: str) -> None:
    assert format_alert(value).plain.split()[0] == shown
