"""``sentinel simulate``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.live import Live

from apps.simulator.sending import Feed, Sent, send_history, send_live
from apps.simulator.simulator import FRAUD_RATE, PAYMENTS_A_DAY, Options, Simulator
from apps.simulator.writing import SimulatedRecord
from deploy import kafka_clients
from deploy.cli.output import console, say
from flink_jobs.settings import Settings, load_settings
from udfs.names import Topic

DAY_S = 86_400


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Transactions a second.")] = 100.0,
    seconds: Annotated[float, typer.Option(min=0, help="How long to send live; 0: only the history.")] = 60.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions of the days before, sent first and at once.")] = 0,
    speedup: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds of event time in a second; default: so that users pay 2.6 times a day."),
    ] = None,
    users: Annotated[int, typer.Option(min=10, help="Users.")] = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Merchants.")] = 2_000,
    fraud: Annotated[float, typer.Option(min=0, max=0.5, help="Share of transactions that are fraud.")] = FRAUD_RATE,
    seed: Annotated[int, typer.Option(help="The same seed draws the same people and attacks.")] = 0,
) -> None:
    """Send simulated payments, account events and labels; event time ends about now."""
    settings = load_settings()
    pace = speedup or natural_speedup(rate, users)
    options = options_until_now(
        rate / pace, history, seconds * pace, seed=seed, users=users, merchants=merchants, fraud_rate=fraud
    )
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(sent: Sent) -> None:
            behind = f", {sent.behind_s:.1f} s behind" if sent.behind_s > 0.5 else ""
            live.update(f"{sent.transactions:,} transactions sent{behind}", refresh=sent.records % 10 == 0)

        feed, simulator = open_feed(settings), Simulator(options)
        sent = send_history(feed, simulator, history, show)
        sent += send_live(feed, simulator, seconds, pace, show)
    say(f"{sent.transactions:,} transactions sent, {sent.fraud:,} of them fraud, {sent.records:,} records in all")


def natural_speedup(rate: float, users: int) -> float:
    """How fast event time must go for so many users to pay as often as people do, at so many payments a second."""
    return max(1.0, rate * DAY_S / (users * PAYMENTS_A_DAY))


def options_until_now(rate: float, history: int, live_s: float, **others: float) -> Options:
    """Options of a simulation that ends now.

    Args:
        rate: payments a second of event time.
        history: payments before the live part.
        live_s: length of the live part in event time, seconds.
        others: further fields of ``Options``.
    """
    start = time.time() - live_s - history / rate
    return Options(rate=rate, start=int(start * 1000), by_the_hour=False, **others)  # type: ignore[arg-type]


def open_feed(settings: Settings, note: Callable[[SimulatedRecord], None] | None = None) -> Feed:
    """From the simulator into the topics of the settings; ``note`` is told of every record.

    Raises:
        OperationError: no broker answers.
    """
    names = settings.kafka.topics
    topics = {
        Topic.TRANSACTIONS: names.transactions,
        Topic.ACCOUNT_EVENTS: names.account_events,
        Topic.LABELS: names.labels,
    }
    return Feed(kafka_clients.sender(settings), topics, note)
