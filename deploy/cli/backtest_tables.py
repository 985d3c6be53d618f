"""Tables of ``sentinel backtest``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Column, Table

from apps.backtest import texts
from apps.backtest.agreement import Agreement
from apps.backtest.backtest import BacktestResult, Example
from apps.backtest.figures import CauseFigures
from deploy.console import console, duration, say


def show(result: BacktestResult, agreement: Agreement | None) -> None:
    """Print a result as tables."""
    say(_data(result))
    names = [policy.name for policy in result.policies]
    _print_table([""], names, texts.policy_rows(result))
    for policy, causes in zip(result.policies, result.causes, strict=True):
        _print_causes(policy.name, causes)
    if result.flips:
        counts = ["payments", "fraud", "legitimate", "amount"]
        _print_table([names[1], names[0]], counts, texts.flip_rows(result), "decided differently")
    for example in result.examples:
        for line in _example(example):
            say(line)
    if agreement is not None:
        say(_agreement(agreement))
        for each in agreement.examples:
            say(f"  {each.transaction_id} {each.field}: recorded {each.recorded}, backtest {each.backtest}")
    processes = f"{result.processes} {'process' if result.processes == 1 else 'processes'}"
    say(f"decided in {duration(result.seconds)} by {processes} ({result.payments_a_second:,.0f} payments/s)")


def _data(result: BacktestResult) -> str:
    first, last = texts.time_text(result.first), texts.time_text(result.last)
    truth = "; no labels, so precision and recall are not known"
    if result.base_rate is not None:
        truth = f"; {result.labeled:,} labeled, {result.frauds:,} fraud ({result.base_rate:.3%})"
    refused = ", ".join(f"{count:,} {reason}" for reason, count in result.refused.items())
    return (
        f"{result.payments:,} payments, {first} to {last} ({result.days:.1f} days){truth}"
        + (f"; refused: {refused}" if refused else "")
        + (f"; {result.repeats:,} repeats dropped" if result.repeats else "")
    )


def _print_table(text: Sequence[str], numbers: Sequence[str], rows: Sequence[texts.Row], title: str = "") -> None:
    table = Table(*text, *(Column(name, justify="right") for name in numbers), title=title or None)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_causes(name: str, causes: Sequence[CauseFigures]) -> None:
    numbers = ("fires", "precision", "lift", "unique catches", "own false alerts", "decisions flipped")
    _print_table(["rule or pattern"], numbers, [texts.cause_row(each) for each in causes if each.fires], name)
    silent = ", ".join(each.id for each in causes if not each.fires)
    if silent:
        say(f"  silent: {silent}")


def _example(example: Example) -> list[str]:
    when, truth = texts.time_text(example.event_time), texts.truth(example.fraud)
    before, after = (msgspec.json.decode(each, type=dict[str, Any]) for each in (example.before, example.after))
    return [
        f"{example.transaction_id} of {example.user_id}, {when}, {example.amount:,.2f}, {truth}",
        f"  {_decision(before)} -> {_decision(after)}",
    ]


def _decision(decision: dict[str, Any]) -> str:
    return f"{decision['action']} at {decision['score']:.3f} ({texts.causes_text(decision)})"


def _agreement(agreement: Agreement) -> str:
    fields = ", ".join(f"{count:,} {name}" for name, count in agreement.fields.items())
    return (
        f"recorded decisions: {agreement.equal:,} of {agreement.compared:,} are equal in every field"
        + (f"; differing: {fields}" if fields else "")
        + (f"; {agreement.not_recorded:,} payments have no recorded decision" if agreement.not_recorded else "")
    )
