"""The brake: what would move the share of an action too far on the last hour's decisions is not sent unless forced."""

from __future__ import annotations

from deploy.control.preview import Preview, needs_records, preview, read_recent_decisions, read_recent_records
from deploy.control.sets import read_control, with_set
from deploy.errors import OperationError
from flink_jobs.settings import Settings
from udfs.control.editing import Document
from udfs.control.record import ControlKind

_LEAST_FLIPPED = 5
"""Decided again with another action; fewer are chance."""


class BrakeError(OperationError):
    """A change moves the share of an action by more than the settings allow."""


def preview_change(settings: Settings, kind: ControlKind, after: Document) -> Preview:
    """Decide the last hour's decisions again, under what is in force and with another set of one kind.

    Raises:
        OperationError: no Kafka answers, there is no topic, or the set is invalid.
    """
    before = read_control(settings)
    changed = with_set(before, kind, after)
    decisions = read_recent_decisions(settings)
    records = read_recent_records(settings) if needs_records(before) or needs_records(changed) else None
    return preview(decisions, before, changed, records)


def require_small_shift(found: Preview, bound: float) -> None:
    """Refuse a change that moves the share of an action by more than the bound.

    Raises:
        BrakeError: it does; the message names action, share and bound.
    """
    if _is_large(found, bound):
        action, shift = found.shift()
        raise BrakeError(
            f"the share of {action!r} would move by {shift:+.2%}, and control.max_action_shift is {bound:.2%} "
            f"({found.line()}): nothing was sent; look with `try`, and send it with --force if it is meant"
        )


def past_the_brake(found: Preview, bound: float) -> str:
    """What the control log says of a change that the brake would have held; empty for any other."""
    action, shift = found.shift()
    return f"past the brake: {action} {shift:+.2%}" if _is_large(found, bound) else ""


def _is_large(found: Preview, bound: float) -> bool:
    return found.flipped >= _LEAST_FLIPPED and abs(found.shift()[1]) > bound
