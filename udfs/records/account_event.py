"""Account events: log-ins, resets and changes of an account."""

from __future__ import annotations

from typing import Any, Generic, Literal, cast, get_args

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.decoding import check_identifier, check_key, decode_record
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms
from udfs.records.transaction import Device, Location, check_location

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
    """An event of an account; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds."""

    user_id: str
    kind: str
    event_time: Time = field(name="timestamp")
    event_id: str | None = None
    location: Location | None = None
    device: Device | None = None
    metadata: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(AccountEvent[AsRead])


def decode_account_event(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> AccountEvent | Refusal:
    """Decode a record of the ``account-events`` topic; arguments are those of ``decode_transaction``."""
    event = decode_record(_decoder, value, limits, _parse_times)
    if isinstance(event, Refusal):
        return event
    if event.kind not in KINDS:
        return Refusal(Refused.UNKNOWN_KIND, f"kind is {event.kind[:64]!r}, known are {', '.join(sorted(KINDS))}")
    return (
        check_identifier("user_id", event.user_id)
        or check_key(key, event.user_id)
        or check_event_time("timestamp", event.event_time, now_ms, limits)
        or (None if event.location is None else check_location(event.location))
        or event
    )


def _parse_times(event: AccountEvent[AsRead]) -> AccountEvent:
    """Parse the time of an event in place, and return the event."""
    if isinstance(event.event_time, str):
        event.event_time = epoch_ms("timestamp", event.event_time)
    return cast("AccountEvent", event)
