"""Account events: log-ins, resets and changes of an account."""

from __future__ import annotations

from typing import Any, Generic, Literal, cast, get_args

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.decoding import check_identifier, check_key, check_normal, decode_record
from udfs.records.limits import Limits
from udfs.records.normal_form import normal_user, word_of
from udfs.records.optional_fields import Device, Location, normalize_device, normalize_location
from udfs.records.readable import ACCOUNT_EVENT
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms

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
    decoded = decode_record(_decoder, ACCOUNT_EVENT, value, limits, _parse_times)
    if isinstance(decoded, Refusal):
        return decoded
    event, ignored = decoded
    if event.kind not in KINDS:
        kind = word_of(event.kind)
        if kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            return Refusal(Refused.UNKNOWN_KIND, f"kind is {event.kind[:64]!r}, known are {known}")
        event.kind = kind
    event.user_id = normal_user(event.user_id)
    refusal = (
        check_normal("user_id", event.user_id)
        or check_identifier("user_id", event.user_id)
        or check_key(key, event.user_id)
        or check_event_time("timestamp", event.event_time, now_ms, limits)
    )
    if refusal is not None:
        return refusal
    if event.location is not None:
        normalize_location(event.location, ignored)
    if event.device is not None:
        normalize_device(event.device, ignored)
    return event


def _parse_times(event: AccountEvent[AsRead]) -> AccountEvent:
    """Parse the time of an event in place, and return the event."""
    if isinstance(event.event_time, str):
        event.event_time = epoch_ms("timestamp", event.event_time)
    return cast("AccountEvent", event)
