"""Render a backtest as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from apps import bench
from apps.backtest import texts
from apps.backtest.agreement import Agreement
from apps.backtest.backtest import BacktestResult
from apps.backtest.figures import CauseFigures
from apps.bench import plots
from apps.bench.result import Plot

TEMPLATE = "report.html"
_BARS = 25
"""Rules and patterns with a bar at most: those that alert alone most often."""


def render_report(result: BacktestResult, agreement: Agreement | None) -> str:
    """Render figures, plots, tables and examples; text of the data is escaped."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, Path(bench.__path__[0])]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "svg": lambda plot: Markup(plots.render_svg(plot)),
        "time": texts.time_text,
        "figure": texts.figure,
        "count": texts.count,
        "percent": lambda value, digits: f"{value:.{digits}%}",
        "truth": texts.truth,
        "causes": texts.causes_text,
    }
    return environment.get_template(TEMPLATE).render(
        result=result,
        agreement=agreement,
        names=[policy.name for policy in result.policies],
        headline=_headline(result),
        policy_rows=texts.policy_rows(result),
        plots=_plots(result),
        causes=[_causes(policy.name, causes) for policy, causes in zip(result.policies, result.causes, strict=True)],
        flip_rows=texts.flip_rows(result),
        examples=[(each, _decoded(each.before), _decoded(each.after)) for each in result.examples],
    )


def _headline(result: BacktestResult) -> list[tuple[str, str, str]]:
    """The main figures of the policy that is tried: label, value, unit."""
    tried = result.policies[0]
    figures = [("alerts", texts.figure(tried.alerts_a_day, 1), "a day")]
    for label, value in (("precision", tried.precision), ("recall", tried.recall)):
        if value is not None:
            figures.append((label, f"{value.value:.1%}", ""))
    if tried.customers_bothered_a_day is not None:
        figures += [
            ("customers bothered", texts.figure(tried.customers_bothered_a_day, 1), "a day"),
            ("fraud saved", texts.count(tried.amount_saved), ""),
            ("held wrongly", texts.count(tried.amount_held_wrongly), ""),
        ]
    return figures


_LABELS = {
    "roc": ("ROC", "false positive rate", "true positive rate"),
    "precision_recall": ("Precision and recall", "recall", "precision"),
    "cost": ("Cost a day", "score from which a payment is held", "cost a day"),
    "alerts": ("Alerts over time", "days since {first}", "alerts a day"),
}


def _plots(result: BacktestResult) -> list[Plot]:
    return [
        Plot(title, x.format(first=texts.time_text(result.first)[:10]), y, result.plots[name])
        for name, (title, x, y) in _LABELS.items()
        if name in result.plots
    ]


def _causes(name: str, causes: Sequence[CauseFigures]) -> tuple[str, list[texts.Row], str, Plot | None]:
    """Name of the policy, rows of those that fired, names of the others, and the bars."""
    fired = [each for each in causes if each.fires]
    silent = ", ".join(each.id for each in causes if not each.fires)
    alone = [each for each in fired if _alone(each)]
    most = sorted(alone, key=lambda each: -_alone(each))[:_BARS]
    bars = None
    if most:
        bars = Plot(
            f"Bars of {name}",
            "payments that alert for it alone",
            "",
            {
                "unique catches": [(float(place), float(each.unique_catches or 0)) for place, each in enumerate(most)],
                "own false alerts": [
                    (float(place), float(each.own_false_alerts or 0)) for place, each in enumerate(most)
                ],
            },
            bars=[each.id for each in most],
        )
    return name, [texts.cause_row(each) for each in fired], silent, bars


def _alone(cause: CauseFigures) -> int:
    return (cause.unique_catches or 0) + (cause.own_false_alerts or 0)


def _decoded(decision: msgspec.Raw) -> dict[str, Any]:
    return msgspec.json.decode(decision, type=dict[str, Any])
