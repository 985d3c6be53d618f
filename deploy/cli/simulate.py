"""Command ``sentinel simulate``: send simulated traffic to Kafka."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.live import Live

from apps.simulator.sending import SendProgress, send_history, send_live
from apps.simulator.simulator import FRAUD_RATE, Simulator
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.console import console, say
from flink_jobs.settings import load_settings


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Transactions per second.")] = 100.0,
    seconds: Annotated[float, typer.Option(min=0, help="Duration of the live part; 0 for the history only.")] = 60.0,
    history: Annotated[
        int, typer.Option(min=0, help="Transactions of earlier days, sent first and without pacing.")
    ] = 0,
    speedup: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds of event time per second; by default, each user pays 2.6 times a day."),
    ] = None,
    users: Annotated[int, typer.Option(min=10, help="Number of users.")] = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Number of merchants.")] = 2_000,
    fraud: Annotated[float, typer.Option(min=0, max=0.5, help="Share of transactions that are fraud.")] = FRAUD_RATE,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed draws the same population and attacks.")] = 0,
) -> None:
    """Send simulated payments, account events and labels; event time ends at about the present."""
    settings = load_settings()
    pace = speedup or natural_speedup(rate, users)
    options = options_until_now(
        rate / pace, history, seconds * pace, seed=seed, users=users, merchants=merchants, fraud_rate=fraud
    )
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(sent: SendProgress) -> None:
            behind = f", {sent.behind_s:.1f} s behind" if sent.behind_s > 0.5 else ""
            live.update(f"{sent.transactions:,} transactions sent{behind}", refresh=sent.records % 10 == 0)

        feed, simulator = open_feed(settings), Simulator(options)
        sent = send_history(feed, simulator, history, show)
        sent += send_live(feed, simulator, seconds, pace, show)
    say(f"{sent.transactions:,} transactions sent, {sent.fraud:,} of them fraud, {sent.records:,} records in all")
