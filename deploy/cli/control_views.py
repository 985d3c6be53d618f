"""Verbs of ``sentinel rules``, ``patterns`` and ``thresholds`` that show; those that change are in control_changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import yaml
from rich.table import Column, Table

from deploy.console import console, say, say_json
from deploy.errors import OperationError
from flink_jobs.settings import load_settings

if TYPE_CHECKING:
    from deploy.control.sets import SetInForce
    from udfs.control.editing import Document

Kind = Literal["rules", "patterns", "thresholds"]
File = Annotated[Path, typer.Argument(help="YAML file, in the form of the defaults.")]
Json = Annotated[bool, typer.Option("--json", help="As one line of JSON.")]


def verb(app: typer.Typer, name: str, help_text: str, **words: str) -> Callable[[Callable[..., None]], object]:
    """Add a command whose help names the kind and an example of it."""
    return app.command(name, help=help_text.format(**words))


def add_views(app: typer.Typer, kind: Kind, example: str) -> None:
    """Add the verbs that show what is in force and how it came about.

    Args:
        app: of the kind.
        kind: of control.
        example: id of an entry, for the examples of the help.
    """
    words = {"kind": kind, "example": example}

    @verb(
        app,
        "diff",
        "Show how a file differs from the {kind} in force, or from another file.\n\n"
        "Example: sentinel {kind} diff {kind}.yaml\n\nExit codes: 0 shown; 1 a file is invalid.",
        **words,
    )
    def diff(
        file: File,
        other: Annotated[Path | None, typer.Argument(help="File to compare with; by default what is in force.")] = None,
        json: Json = False,
    ) -> None:
        from deploy.control.sets import read_file, read_in_force  # noqa: PLC0415 - imports numba, a second
        from udfs.control.editing import differences  # noqa: PLC0415

        after = read_file(kind, file).document
        before = read_file(kind, other).document if other else read_in_force(load_settings(), kind).document
        found = differences(kind, before, after)
        if json:
            say_json([{"id": each.id, "before": each.before, "after": each.after} for each in found])
            return
        say("\n".join(each.phrase() for each in found) or "nothing differs")

    @verb(
        app,
        "list",
        "List the {kind} in force.\n\nExample: sentinel {kind} list --json\n\n"
        "Exit codes: 0 listed; 1 Kafka does not answer.",
        **words,
    )
    def list_(json: Json = False) -> None:
        from deploy.control.sets import read_in_force  # noqa: PLC0415
        from udfs.control.editing import entries_of  # noqa: PLC0415

        found = read_in_force(load_settings(), kind)
        entries = entries_of(kind, found.document)
        if json:
            say_json({"kind": kind, "version": found.version, "entries": entries})
            return
        table = Table(Column("id", no_wrap=True), "what it says")
        for name, entry in entries.items():
            table.add_row(name, "; ".join(f"{field} {value}" for field, value in entry.items() if field != "id"))
        console.print(table)
        say(origin(found))

    @verb(
        app,
        "show",
        "Show one entry of the {kind} in force, or of an earlier version, as YAML.\n\n"
        "Example: sentinel {kind} show {example} --version 3\n\nExit codes: 0 shown; 1 there is none.",
        **words,
    )
    def show(
        entry_id: Annotated[str, typer.Argument(metavar="ID")],
        version: Annotated[int | None, typer.Option(min=0, help="Of the control record; 0: the defaults.")] = None,
    ) -> None:
        from udfs.control.editing import entries_of  # noqa: PLC0415

        document = document_of_kind(kind, version)
        entries = entries_of(kind, document)
        if entry_id not in entries:
            raise OperationError(f"there is no {entry_id!r} among the {kind}: {', '.join(entries)}")
        say(yaml.safe_dump(entries[entry_id], sort_keys=False, allow_unicode=True).rstrip())

    @verb(
        app,
        "history",
        "List who changed the {kind}, when, what, and where it is in force.\n\n"
        "Example: sentinel {kind} history\n\nExit codes: 0 listed; 1 Kafka does not answer.",
        **words,
    )
    def history(json: Json = False) -> None:
        from deploy.control.history import read_history  # noqa: PLC0415

        found = read_history(load_settings(), kind)
        if json:
            say_json(
                [
                    {
                        "version": each.version,
                        "sent": each.sent,
                        "accepted": {stage: sorted(shards) for stage, shards in each.accepted.items()},
                        "accepted_at": each.accepted_at or None,
                        "refused": each.refused,
                    }
                    for each in found
                ]
            )
            return
        table = Table("version", Column("sent, UTC", no_wrap=True), "by", "what", "why", "from", "in force, shards")
        for each in found:
            sent = each.sent
            source = f"{sent.source.file} ({sent.source.sha256[:8]})" if sent and sent.source else ""
            cells = (_time(sent.at), sent.author, "; ".join(sent.change), sent.reason) if sent else ("", "?", "", "")
            table.add_row(str(each.version), *cells, source, "; ".join([each.state, *each.refused]))
        console.print(table)


def document_of_kind(kind: Kind, version: int | None) -> Document:
    """The set in force, or of an earlier version; 0 stands for the defaults."""
    from deploy.control.history import document_of_version, read_history  # noqa: PLC0415
    from deploy.control.sets import default_document, read_in_force  # noqa: PLC0415

    settings = load_settings()
    if version is None:
        return read_in_force(settings, kind).document
    if version == 0:
        return default_document(settings, kind)
    return document_of_version(read_history(settings, kind), version)


def origin(found: SetInForce) -> str:
    """Say which version a set has, and who put it in force."""
    if found.record is None:
        return "the defaults, as no control record is in force"
    by = f", by {found.record.author}" if found.record.author else ""
    return f"version {found.version}{by}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
