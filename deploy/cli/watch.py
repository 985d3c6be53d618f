"""``sentinel watch``."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.alert_line import format_alert
from deploy.clients import kafka_clients
from deploy.console import console, say
from flink_jobs.settings import load_settings


def watch(
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show the alerts that are there first.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="End after this number of alerts.")] = None,
) -> None:
    """Show alerts as they are committed, until Ctrl-C.

    Example: sentinel watch --from-beginning --limit 20
    """
    settings = load_settings()
    shown = 0
    messages = kafka_clients.follow(
        settings,
        settings.kafka.topics.alerts,
        from_beginning=from_beginning,
        until=lambda: limit is not None and shown >= limit,
    )
    try:
        for message in messages:
            value = message.value() if message is not None else None
            if value is not None:
                console.print(format_alert(value), soft_wrap=True)
                shown += 1
    except KeyboardInterrupt:
        say(f"{shown} alerts shown")
