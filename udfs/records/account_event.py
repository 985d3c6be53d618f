"""Something that happened to an account and is no payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.limits import Limits
from udfs.records.reader import check_identifier, check_key, read, unreadable_time
from udfs.records.refusal import Refusal
from udfs.records.times import TimeUnreadableError, check_event_time, epoch_ms
from udfs.records.transaction import Device, Location

if TYPE_CHECKING:
    Time = int
else:
    Time = int | str

AccountEventKind = Literal[
    "login",
    "failed_login",
    "password_reset",
    "email_change",
    "phone_change",
    "address_change",
    "new_device",
    "new_payee",
]
KINDS: frozenset[str] = frozenset(AccountEventKind.__args__)


class AccountEvent(msgspec.Struct):
    """A log-in, a reset, a change; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds."""

    user_id: str
    kind: str
    event_time: Time = field(name="timestamp")
    event_id: str | None = None
    location: Location | None = None
    device: Device | None = None
    metadata: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(AccountEvent)


def decode_account_event(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> AccountEvent | Refusal:
    """Read a record of the ``account-events`` topic; arguments as of ``decode_transaction``."""
    event = read(_decoder, value, limits)
    if isinstance(event, Refusal):
        return event
    try:
        if type(event.event_time) is not int:
            event.event_time = epoch_ms(event.event_time)
    except TimeUnreadableError as error:
        return unreadable_time("timestamp", error)
    if event.kind not in KINDS:
        return Refusal(Refused.UNKNOWN_KIND, f"kind is {event.kind[:64]!r}, known are {', '.join(sorted(KINDS))}")
    return (
        check_identifier("user_id", event.user_id)
        or check_key(key, event.user_id)
        or check_event_time("timestamp", event.event_time, now_ms, limits)
        or event
    )
