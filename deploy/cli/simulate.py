"""``sentinel simulate``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.live import Live

from apps.simulator.sending import Sender, SendingError, Sent, send_history, send_live
from apps.simulator.simulator import FRAUD_RATE, PAYMENTS_A_DAY, Options, Simulator
from deploy import kafka_clients
from deploy.cli.output import console, say
from deploy.errors import OperationError
from flink_jobs.settings import Settings, load_settings
from udfs.names import Topic


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Transactions a second.")] = 100.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long to send live.")] = 60.0,
    transactions: Annotated[
        int | None, typer.Option(min=1, help="Send so many at once instead, as days of the users' usual payments.")
    ] = None,
    users: Annotated[int, typer.Option(min=10, help="Users.")] = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Merchants.")] = 2_000,
    fraud: Annotated[float, typer.Option(min=0, max=0.5, help="Share of transactions that are fraud.")] = FRAUD_RATE,
    seed: Annotated[int, typer.Option(help="The same seed draws the same people and attacks.")] = 0,
) -> None:
    """Send simulated payments, account events and labels, live or as a backlog."""
    settings = load_settings()
    pace = rate if transactions is None else users * PAYMENTS_A_DAY / 86_400
    options = Options(seed=seed, rate=pace, users=users, merchants=merchants, fraud_rate=fraud)
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(sent: Sent) -> None:
            behind = f", {sent.behind_s:.1f} s behind" if sent.behind_s > 0.5 else ""
            live.update(f"{sent.transactions:,} transactions sent{behind}", refresh=sent.records % 10 == 0)

        try:
            sender = open_sender(settings)
            if transactions is None:
                sent = send_live(sender, options, seconds, show)
            else:
                sent = send_history(sender, Simulator(options), transactions, show)
        except SendingError as error:
            raise OperationError(str(error)) from None
    say(f"{sent.transactions:,} transactions sent, {sent.fraud:,} of them fraud, {sent.records:,} records in all")


def open_sender(settings: Settings) -> Sender:
    """A sender to the Kafka of the settings.

    Raises:
        OperationError: no broker answers.
    """
    kafka_clients.admin(settings)
    names = settings.kafka.topics
    topics = {
        Topic.TRANSACTIONS: names.transactions,
        Topic.ACCOUNT_EVENTS: names.account_events,
        Topic.LABELS: names.labels,
    }
    return Sender(kafka_clients.client_properties(settings), topics)
