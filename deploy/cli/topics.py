"""``sentinel topics``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from deploy.clients import topics as broker_topics
from deploy.console import console, size
from flink_jobs.settings import load_settings


def topics(
    update: Annotated[
        bool, typer.Option("--update", help="Change the broker's settings of existing topics to agree.")
    ] = False,
    keep_forever: Annotated[
        bool,
        typer.Option(
            "--keep-forever",
            help="Switch retention by age off: needed before old data is replayed, as retention goes by event time.",
        ),
    ] = False,
) -> None:
    """Create the topics that are missing, and compare all of them with the settings.

    Example: sentinel topics --update
    """
    settings = load_settings()
    found = broker_topics.ensure(settings, update=update)
    if keep_forever:
        broker_topics.keep_forever(settings)
    table = Table(Column("topic", no_wrap=True), "partitions", "replicas", "retention", "codec", "records up to", "")
    for each in found:
        config = each.topic.config
        retention = "forever" if keep_forever else _format_retention(config.get(broker_topics.RETENTION))
        note = "created" if each.created else "; ".join(each.differences) or "ok"
        table.add_row(
            each.topic.name,
            str(each.topic.partitions),
            str(each.topic.replication),
            retention,
            config["compression.type"],
            size(int(config["max.message.bytes"])),
            note,
        )
    console.print(table)


def _format_retention(retention_ms: str | None) -> str:
    if retention_ms is None:
        return "last per key"
    return "forever" if retention_ms == broker_topics.KEEP_FOREVER else f"{int(retention_ms) / 86_400_000:g} days"
