"""``sentinel watch``."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli import alert_line
from deploy.clients import kafka_clients
from deploy.console import console, say
from flink_jobs.settings import load_settings


def watch(
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Show those already there first.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="End after so many alerts.")] = None,
) -> None:
    """Show alerts as they are committed; Ctrl-C ends it."""
    settings = load_settings()
    shown = 0
    follow = kafka_clients.follow(
        settings,
        settings.kafka.topics.alerts,
        from_beginning=from_beginning,
        until=lambda: limit is not None and shown >= limit,
    )
    try:
        for message in follow:
            value = message.value() if message is not None else None
            if value is not None:
                console.print(alert_line.line(value), soft_wrap=True)
                shown += 1
    except KeyboardInterrupt:
        say(f"{shown} alerts shown")
