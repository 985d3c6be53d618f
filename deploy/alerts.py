"""An alert as a person reads it: how bad, who, where, what to do, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.text import Text

STYLES = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}


def line(value: bytes) -> Text:
    """One alert as a line; a record that is no JSON object is shown as it is."""
    try:
        alert: dict[str, Any] = msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError:
        return Text(f"unreadable alert: {value[:200]!r}", style="red")
    severity = str(alert.get("severity", "?"))
    text = Text()
    text.append(_clock(alert.get("event_time")), style="dim")
    text.append(f" {severity.upper():8} ", style=STYLES.get(severity, ""))
    text.append(f" {alert.get('score', 0.0):.2f} {alert.get('recommended_action', '?'):9}", style="bold")
    text.append(f" {alert.get('user_id')} at {alert.get('merchant_id')}")
    text.append(f"  {', '.join(alert.get('reasons', ()))}", style="italic")
    text.append(f"  {alert.get('transaction_id')}", style="dim")
    return text


def _clock(event_time: object) -> str:
    if isinstance(event_time, int | float):
        return datetime.fromtimestamp(event_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return str(event_time)
