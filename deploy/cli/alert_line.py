"""An alert as one line of text."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from rich.text import Text

from deploy.console import shown_bytes, visible

STYLES = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}


class _ShownFields(msgspec.Struct):
    """The fields of an alert that the line shows; ``event_time`` in epoch milliseconds."""

    event_time: int | None = None
    severity: str = "?"
    score: float = 0.0
    recommended_action: str = "?"
    user_id: str = "?"
    merchant_id: str = "?"
    reasons: tuple[str, ...] = ()
    transaction_id: str = "?"


def format_alert(value: bytes) -> Text:
    """Format an alert as a line: time, severity, score, action, user, merchant, reasons, transaction.

    Args:
        value: of the record; one that is no alert is shown as it is.
    """
    try:
        alert = msgspec.json.decode(value, type=_ShownFields)
    except msgspec.DecodeError:
        return Text(f"unreadable alert: {shown_bytes(value, 200)}", style="red")
    user, merchant, transaction, severity, action, reasons = map(
        visible,
        (
            alert.user_id,
            alert.merchant_id,
            alert.transaction_id,
            alert.severity,
            alert.recommended_action,
            ", ".join(alert.reasons),
        ),
    )
    text = Text()
    text.append(_format_time(alert.event_time), style="dim")
    text.append(f" {severity.upper():8} ", style=STYLES.get(severity, ""))
    text.append(f" {alert.score:.2f} {action:9}", style="bold")
    text.append(f" {user} at {merchant}")
    text.append(f"  {reasons}", style="italic")
    text.append(f"  {transaction}", style="dim")
    return text


def _format_time(event_time: int | None) -> str:
    if event_time is None:
        return "?"
    try:
        return datetime.fromtimestamp(event_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(event_time)
