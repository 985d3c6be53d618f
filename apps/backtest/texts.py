"""A backtest as text: rows of tables for the terminal and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from apps.backtest.backtest import BacktestResult
from apps.backtest.figures import CauseFigures, PolicyFigures
from apps.backtest.intervals import Estimate

Row = list[str]


def time_text(milliseconds: int) -> str:
    """A time to the minute, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def figure(value: float | None, digits: int) -> str:
    """A number; nothing for None."""
    return "" if value is None else f"{value:,.{digits}f}"


def count(value: float | None) -> str:
    """A combined number; nothing for None."""
    return figure(value, 0)


def estimate(value: Estimate | None) -> str:
    """A share with its interval.

    >>> estimate(Estimate(0.25, 0.1, 0.4))
    '0.250 (0.100 to 0.400)'
    """
    return "" if value is None else f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def truth(fraud: bool | None) -> str:
    """The truth of a payment as a word."""
    return {True: "fraud", False: "legitimate", None: "unlabeled"}[fraud]


def causes_text(decision: Mapping[str, Any]) -> str:
    """Rules and patterns of a decision, or that the model stands alone."""
    return ", ".join((*decision["rules"], *decision["patterns"])) or "model"


_ROWS: tuple[tuple[str, Callable[[PolicyFigures], str]], ...] = (
    ("alerts a day", lambda each: figure(each.alerts_a_day, 1)),
    ("precision of alerts", lambda each: estimate(each.precision)),
    ("recall", lambda each: estimate(each.recall)),
    ("average precision", lambda each: estimate(each.average_precision)),
    ("ROC AUC", lambda each: estimate(each.roc_auc)),
    ("fraud saved, amount", lambda each: count(each.amount_saved)),
    ("fraud missed, amount", lambda each: count(each.amount_missed)),
    ("held wrongly, amount", lambda each: count(each.amount_held_wrongly)),
    ("customers bothered a day", lambda each: figure(each.customers_bothered_a_day, 1)),
    ("blocked", lambda each: _action(each, "block")),
    ("challenged", lambda each: _action(each, "challenge")),
    ("monitored", lambda each: _action(each, "monitor")),
    ("approved", lambda each: _action(each, "approve")),
)


def policy_rows(result: BacktestResult) -> list[Row]:
    """Figures of the policies, a row a figure; the first cell is its name."""
    rows = [[title, *(cell(policy) for policy in result.policies)] for title, cell in _ROWS]
    payments = [figure(policy.precision_at_k, 3) for policy in result.policies]
    users = [figure(policy.card_precision_at_k, 3) for policy in result.policies]
    return [
        *rows,
        [f"precision of {result.k} payments a day", *payments],
        [f"precision of {result.k} users a day", *users],
    ]


def cause_row(cause: CauseFigures) -> Row:
    """Figures of a rule or pattern."""
    return [
        cause.id,
        count(cause.fires),
        estimate(cause.precision),
        figure(cause.lift, 1),
        count(cause.unique_catches),
        count(cause.own_false_alerts),
        count(cause.flips),
    ]


def flip_rows(result: BacktestResult) -> list[Row]:
    """Payments that are decided differently: action compared with, action tried, and counts."""
    return [
        [each.before, each.after, count(each.payments), count(each.fraud), count(each.legitimate), count(each.amount)]
        for each in result.flips
    ]


def _action(policy: PolicyFigures, action: str) -> str:
    total = sum(policy.actions.values())
    return f"{policy.actions[action]:,} ({policy.actions[action] / total:.2%})"
