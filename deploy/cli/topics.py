"""``sentinel topics``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Column, Table

from deploy.clients import topics as broker_topics
from deploy.console import console, say_json, size
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
    json: Annotated[bool, typer.Option("--json", help="As one line of JSON.")] = False,
) -> None:
    """Create the topics that are missing, and compare all of them with the settings; shown is what the broker has.

    Example: sentinel topics --update
    """
    settings = load_settings()
    found = broker_topics.ensure(settings, update=update)
    if keep_forever:
        broker_topics.keep_forever(settings)
        found = broker_topics.status(settings, [each.topic.name for each in found if each.created])
    if json:
        say_json([_as_json(each) for each in found])
        return
    table = Table(Column("topic", no_wrap=True), "partitions", "replicas", "retention", "codec", "records up to", "")
    for each in found:
        table.add_row(
            each.topic.name,
            str(each.partitions),
            str(each.replicas),
            format_retention(each.config),
            each.config.get("compression.type", "?"),
            size(int(each.config.get("max.message.bytes", "0"))),
            "; ".join([*(["created"] if each.created else []), *each.differences]) or "ok",
        )
    console.print(table)


def _as_json(each: broker_topics.TopicStatus) -> dict[str, object]:
    return {
        "topic": each.topic.name,
        "partitions": each.partitions,
        "replicas": each.replicas,
        "created": each.created,
        "differences": each.differences,
        "config": {name: each.config.get(name) for name in (*each.topic.config, broker_topics.RETENTION)},
    }


def format_retention(config: Mapping[str, str]) -> str:
    """Say how long the broker keeps records, by its own settings."""
    if "delete" not in config.get("cleanup.policy", "delete"):
        return "last per key"
    retention_ms = config.get(broker_topics.RETENTION)
    if retention_ms is None:
        return "?"
    limit = config.get("retention.bytes", "-1")
    by_size = "" if limit == "-1" else f", at most {size(int(limit))} a partition"
    if retention_ms == broker_topics.KEEP_FOREVER:
        return f"forever{by_size}"
    return f"{int(retention_ms) / 86_400_000:.4g} days{by_size}"
