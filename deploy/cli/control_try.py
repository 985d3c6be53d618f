"""``sentinel rules try`` and ``sentinel thresholds try``: what a file would change on the last hour's decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.table import Column, Table

from deploy.cli.control_views import File, Json, Kind, verb
from deploy.console import console, say, say_json
from flink_jobs.settings import load_settings

if TYPE_CHECKING:
    from deploy.control.preview import Numbers, Preview


def add_try(app: typer.Typer, kind: Kind) -> None:
    """Add the verb that tries a file.

    Args:
        app: of the kind.
        kind: of control.
    """

    @verb(
        app,
        "try",
        "Decide the last hour's decisions again with the {kind} of a file, and show what would change.\n\n"
        "Decided again are the decisions that carry their features: those of alerts, and the share "
        "decision.sampled_features of the others; numbers are estimates for all.\n\n"
        "Example: sentinel {kind} try {kind}.yaml\n\n"
        "Exit codes: 0 shown; 1 the file is invalid, or Kafka does not answer.",
        kind=kind,
    )
    def try_(file: File, json: Json = False) -> None:
        from deploy.control.brake import preview_change  # noqa: PLC0415 - imports numba, a second
        from deploy.control.sets import read_file, read_in_force  # noqa: PLC0415
        from udfs.control.editing import merge  # noqa: PLC0415

        settings = load_settings()
        found_file = read_file(kind, file)
        after = merge(kind, read_in_force(settings, kind).document, found_file.document)
        found = preview_change(settings, kind, after)
        if json:
            say_json(found)
            return
        _show(found)


def _show(found: Preview) -> None:
    from deploy.control.preview import ACTIONS  # noqa: PLC0415

    say(found.line())
    console.print(_table("action", ACTIONS, found.actions_before, found.actions_after))
    names = sorted({*found.fires_before, *found.fires_after})
    changed = [name for name in names if found.fires_before[name] != found.fires_after[name]]
    if changed:
        console.print(_table("rule or pattern", changed, found.fires_before, found.fires_after))
    for name, number in sorted(found.flips.items()):
        say(f"{name}: {number:,.0f} decisions")
    action, shift = found.shift()
    say(f"largest shift: {action} {shift:+.2%}" if shift else "no action changes")


def _table(title: str, names: tuple[str, ...] | list[str], before: Numbers, after: Numbers) -> Table:
    columns = [Column(name, justify="right") for name in ("in force", "with the file", "difference")]
    table = Table(Column(title, no_wrap=True), *columns)
    for name in names:
        difference = after[name] - before[name]
        table.add_row(name, f"{before[name]:,.0f}", f"{after[name]:,.0f}", f"{difference:+,.0f}")
    return table
