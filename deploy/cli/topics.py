"""``sentinel topics``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from deploy.clients import topics as broker_topics
from deploy.console import console, size
from flink_jobs.settings import load_settings


def topics(
    update: Annotated[bool, typer.Option("--update", help="Make the broker's topic settings agree.")] = False,
    keep_forever: Annotated[
        bool,
        typer.Option(
            "--keep-forever",
            help="Let no topic forget by age: needed before old data is replayed, since retention goes by event time.",
        ),
    ] = False,
) -> None:
    """Create the topics that are missing, and show all of them beside what the settings say."""
    settings = load_settings()
    found = broker_topics.ensure(settings, update=update)
    if keep_forever:
        broker_topics.keep_for_ever(settings)
    table = Table(Column("topic", no_wrap=True), "partitions", "replicas", "kept", "codec", "records up to", "")
    for each in found:
        config = each.topic.config
        kept = "for ever" if keep_forever else _kept(config.get(broker_topics.RETENTION))
        note = "created" if each.created else "; ".join(each.differences) or "ok"
        table.add_row(
            each.topic.name,
            str(each.topic.partitions),
            str(each.topic.replication),
            kept,
            config["compression.type"],
            size(int(config["max.message.bytes"])),
            note,
        )
    console.print(table)


def _kept(retention_ms: str | None) -> str:
    if retention_ms is None:
        return "last per key"
    return "for ever" if retention_ms == broker_topics.KEEP_FOR_EVER else f"{int(retention_ms) / 86_400_000:g} days"
