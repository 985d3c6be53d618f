"""Something that happened to an account and is no payment."""

from __future__ import annotations

from typing import Any, Generic, Literal, cast, get_args

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.limits import Limits
from udfs.records.reader import check_identifier, check_key, read_settled
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms
from udfs.records.transaction import Device, Location, check_place

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
KINDS: frozenset[str] = frozenset(get_args(AccountEventKind))


class AccountEvent(msgspec.Struct, Generic[Time]):
    """A log-in, a reset, a change; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds."""

    user_id: str
    kind: str
    event_time: Time = field(name="timestamp")
    event_id: str | None = None
    location: Location | None = None
    device: Device | None = None
    metadata: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(AccountEvent[AsRead])


def decode_account_event(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> AccountEvent | Refusal:
    """Read a record of the ``account-events`` topic; arguments as of ``decode_transaction``."""
    event = read_settled(_decoder, value, limits, _settle_times)
    if isinstance(event, Refusal):
        return event
    if event.kind not in KINDS:
        return Refusal(Refused.UNKNOWN_KIND, f"kind is {event.kind[:64]!r}, known are {', '.join(sorted(KINDS))}")
    return (
        check_identifier("user_id", event.user_id)
        or check_key(key, event.user_id)
        or check_event_time("timestamp", event.event_time, now_ms, limits)
        or (None if event.location is None else check_place(event.location))
        or event
    )


def _settle_times(event: AccountEvent[AsRead]) -> AccountEvent:
    """The same event, its time in epoch milliseconds."""
    if isinstance(event.event_time, str):
        event.event_time = epoch_ms("timestamp", event.event_time)
    return cast("AccountEvent", event)
