"""Verbs of ``sentinel rules``, ``patterns`` and ``thresholds`` that change what is in force."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.control_views import File, Kind, document_of_kind, origin, verb
from deploy.console import say
from deploy.errors import OperationError
from flink_jobs.settings import load_settings

if TYPE_CHECKING:
    from deploy.control.push import SetChange
    from deploy.control.sets import SetInForce
    from flink_jobs.settings import Settings
    from udfs.control.editing import Document

NOT_ACKNOWLEDGED = 3
CODES = (
    "Exit codes: 0 in force everywhere; 1 invalid, refused or held by the brake, and what was in force stays; 3 sent,"
    " and not acknowledged by all shards in time."
)

Ids = Annotated[list[str], typer.Argument(help="Ids of entries of the set in force.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the control log.")]
Author = Annotated[str, typer.Option(help="Who; by default the user of this machine.")]
Timeout = Annotated[float, typer.Option(min=1, help="Longest wait until all shards have it, seconds.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Force = Annotated[
    bool, typer.Option("--force", help="Send it even if it moves an action by more than control.max_action_shift.")
]


def add_changes(app: typer.Typer, kind: Kind, example: str, field: str) -> None:
    """Add the verbs that change what is in force.

    Args:
        app: of the kind.
        kind: of control.
        example: id of an entry, for the examples of the help.
        field: of an entry and a value, ``FIELD=VALUE``, for the examples of the help.
    """
    words = {"kind": kind, "example": example, "field": field, "codes": CODES}

    @verb(
        app,
        "push",
        "Add and change the {kind} of a file; all others stay as they are.\n\n"
        "Shows the difference, sends it, and waits until every shard of the job has it in force.\n\n"
        'Example: sentinel {kind} push {kind}.yaml --reason "gambling wave"\n\n'
        "{codes}",
        **words,
    )
    def push(
        file: File,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        from deploy.control.sets import read_file  # noqa: PLC0415
        from udfs.control.editing import merge  # noqa: PLC0415

        found = read_file(kind, file)
        _put(
            kind,
            lambda before: merge(kind, before.document, found.document),
            reason,
            author,
            timeout,
            yes,
            force,
            source=found.source,
        )

    @verb(
        app,
        "replace",
        "Put a file in the place of all {kind} in force; what it lacks is removed.\n\n"
        "Example: sentinel {kind} replace {kind}.yaml\n\n"
        "{codes}",
        **words,
    )
    def replace_all(
        file: File,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        from deploy.control.sets import read_file  # noqa: PLC0415
        from udfs.control.editing import replace  # noqa: PLC0415

        found = read_file(kind, file)
        _put(
            kind,
            lambda before: replace(kind, before.document, found.document),
            reason,
            author,
            timeout,
            yes,
            force,
            source=found.source,
            note=f"all {kind} replaced",
        )

    @verb(
        app,
        "change",
        "Set fields of one entry of the {kind} in force.\n\n"
        "Example: sentinel {kind} change {example} {field}\n\n"
        "{codes}",
        **words,
    )
    def change_entry(
        entry_id: Annotated[str, typer.Argument(metavar="ID")],
        fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="Values are YAML.")],
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        from udfs.control.editing import change  # noqa: PLC0415

        values = _fields(fields)
        _put(kind, lambda before: change(kind, before.document, entry_id, values), reason, author, timeout, yes, force)

    @verb(
        app,
        "rollback",
        "Put an earlier version of the {kind} in force again, as a new version.\n\n"
        "Example: sentinel {kind} rollback --to 3\n\n"
        "{codes}",
        **words,
    )
    def rollback(
        to: Annotated[
            int | None, typer.Option(min=0, help="Version of the control record; by default the one before.")
        ] = None,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
    ) -> None:
        from deploy.control.sets import read_in_force  # noqa: PLC0415
        from udfs.control.editing import replace  # noqa: PLC0415

        before = read_in_force(load_settings(), kind)
        version = to if to is not None else _previous(before)
        document = document_of_kind(kind, version)
        note = f"rolled back to version {version}"
        # Past the brake: a bad change has moved the last hour's decisions, and going back moves them again.
        _put(kind, lambda now: replace(kind, now.document, document), reason, author, timeout, yes, True, note=note)


def add_switches(app: typer.Typer, kind: Kind, example: str, field: str, on: object, off: object) -> None:
    """Add the verbs for kinds whose entries can be switched and removed.

    Args:
        app: of the kind.
        kind: of control.
        example: id of an entry, for the examples of the help.
        field: of an entry, that switches it.
        on: value of the field for an entry that is evaluated.
        off: value of the field for one that is not.
    """

    def switch(ids: list[str], value: object, options: tuple[str, str, float, bool, bool]) -> None:
        from udfs.control.editing import change  # noqa: PLC0415

        def edited(before: SetInForce) -> Document:
            document = before.document
            for entry_id in ids:
                document = change(kind, document, entry_id, {field: value})
            return document

        _put(kind, edited, *options)

    @app.command(help=f"Switch {kind} on.\n\nExample: sentinel {kind} enable {example}\n\n{CODES}")
    def enable(
        ids: Ids,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        switch(ids, on, (reason, author, timeout, yes, force))

    @app.command(
        help=f"Switch {kind} off; they stay in the set.\n\nExample: sentinel {kind} disable {example}\n\n{CODES}"
    )
    def disable(
        ids: Ids,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        switch(ids, off, (reason, author, timeout, yes, force))

    @app.command(help=f"Remove {kind} from the set in force.\n\nExample: sentinel {kind} remove {example}\n\n{CODES}")
    def remove(
        ids: Ids,
        reason: Reason = "",
        author: Author = "",
        timeout: Timeout = 30.0,
        yes: Yes = False,
        force: Force = False,
    ) -> None:
        from udfs.control.editing import remove as without  # noqa: PLC0415

        _put(kind, lambda before: without(kind, before.document, ids), reason, author, timeout, yes, force)


def _put(
    kind: Kind,
    edit: Callable[[SetInForce], Document],
    reason: str,
    author: str,
    timeout_s: float,
    yes: bool,
    force: bool,
    **more: Any,  # noqa: ANN401 - further fields of the change
) -> None:
    """Show what an edit of the set in force changes, ask, send it, and wait for the acknowledgements."""
    from deploy.control.push import NotAcknowledgedError, SetChange, push  # noqa: PLC0415
    from deploy.control.sets import read_in_force  # noqa: PLC0415
    from udfs.control.editing import EditError, differences  # noqa: PLC0415

    settings = load_settings()
    before = read_in_force(settings, kind)
    try:
        after = edit(before)
    except EditError as error:
        raise OperationError(str(error)) from None
    if not differences(kind, before.document, after):
        say(f"nothing differs from the {kind} in force ({origin(before)})")
        return
    more["note"] = "; ".join(filter(None, (more.get("note"), _try(settings, kind, after, force))))
    change = SetChange(before=before, after=after, author=author or getpass.getuser(), reason=reason, **more)
    _confirm(kind, change, yes)
    try:
        acknowledged = push(settings, change, timeout_s)
    except NotAcknowledgedError as error:
        say(str(error))
        raise typer.Exit(NOT_ACKNOWLEDGED) from None
    shards = ", ".join(f"{len(numbers)} shards of the {stage} stage" for stage, numbers in acknowledged.shards.items())
    say(f"version {before.version + 1} is in force on {shards}, after {acknowledged.took_s:.2f} s")


def _try(settings: Settings, kind: Kind, after: Document, force: bool) -> str:
    """Decide recent decisions again with the changed set; returns what the log says of a change past the brake."""
    from deploy.control.brake import past_the_brake, preview_change, require_small_shift  # noqa: PLC0415

    found = preview_change(settings, kind, after)
    say(found.line())
    if not force:
        require_small_shift(found, settings.control.max_action_shift)
    return past_the_brake(found, settings.control.max_action_shift)


def _confirm(kind: Kind, change: SetChange, yes: bool) -> None:
    say(f"{kind}, from version {change.before.version} to {change.before.version + 1}:")
    say("\n".join(f"  {phrase}" for phrase in change.phrases()))
    if not yes and not typer.confirm("Put this in force?"):
        raise OperationError("nothing was sent")


def _previous(before: SetInForce) -> int:
    if before.version == 0 or before.record is None:
        raise OperationError("the defaults are in force: there is nothing to roll back")
    return before.record.base or 0


def _fields(pairs: Iterable[str]) -> dict[str, Any]:
    from udfs.strict_yaml import MalformedYamlError, read_yaml  # noqa: PLC0415

    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise OperationError(f"{pair!r} is no FIELD=VALUE, such as add=0.3")
        try:
            _, values[name] = read_yaml(text)
        except MalformedYamlError:
            values[name] = text  # a condition may look like broken YAML
    return values
