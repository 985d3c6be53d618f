"""Records of the topic ``lists``: one entry each, keyed so that compaction keeps the last record of an entry."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any

import msgspec

from udfs.names import ListedEntity, ListName, Refused
from udfs.records.countries import COUNTRIES, country_of
from udfs.records.decoding import check_identifier
from udfs.records.duplicate_keys import DuplicateKeyError, check_keys
from udfs.records.limits import Limits
from udfs.records.normal_form import normal_identifier
from udfs.records.readable import integer_of
from udfs.records.refusal import Refusal
from udfs.records.times import TimeUnreadableError, epoch_ms

FOREVER = 2**62
"""End of an entry that does not expire, epoch milliseconds."""
MAX_RECORD_BYTES = 16 * 1024
_MAX_RULES = 64
_DETAIL_CHARACTERS = 500
_LIST_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LIMITS = Limits()

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_Author = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_RuleId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Rules = Annotated[tuple[_RuleId, ...], msgspec.Meta(max_length=_MAX_RULES)]


class ListRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The value of a record; times are epoch milliseconds, or RFC 3339 with a zone.

    Attributes:
        list: ``block``, ``allow``, ``watch``, ``suppress``, or the name of a list for rules.
        entity: kind of the entity.
        id: of the entity in its normal form; a country's code of two letters, a network in CIDR.
        at: when the record was written.
        reason: why, for people.
        author: who wrote it.
        since: event time from which it holds; empty: ``at``.
        until: event time before which it holds; empty, or after this century: for ever.
        rules: of a suppression, ids of the rules and patterns that it silences, or ``model``; empty: all of them.
        removed: whether the record takes the entry off the list.
    """

    list: str
    entity: ListedEntity
    id: str
    at: int | float | str
    reason: _Text
    author: _Author
    since: int | float | str | None = None
    until: int | float | str | None = None
    rules: _Rules = ()
    removed: bool = False


class ListEntry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A valid record, as stages exchange it.

    Attributes:
        name: of the list.
        entity: kind of the entity.
        id: of the entity.
        since: event time from which the record holds, epoch milliseconds.
        until: event time before which it holds, epoch milliseconds; ``FOREVER`` for no end.
        rules: that a suppression silences; empty for all.
        removed: whether the entry is off the list from ``since`` on.
        tombstone: whether the record is a tombstone: it takes the entry off the list for late payments as well.
    """

    name: str
    entity: ListedEntity
    id: str
    since: int = 0
    until: int = FOREVER
    rules: tuple[str, ...] = ()
    removed: bool = False
    tombstone: bool = False


_decoder = msgspec.json.Decoder(ListRecord)


def entry_key(entity: str, name: str, entity_id: str) -> bytes:
    """The record key of an entry. The edge takes the shard from what follows the second slash."""
    return f"{entity}/{name}/{entity_id}".encode()


def decode_entry(value: bytes | None, key: bytes | None) -> ListEntry | Refusal:
    """Decode and check a record of the topic ``lists``.

    Args:
        value: JSON in UTF-8 (``ListRecord``); None for a tombstone.
        key: of the record, ``entity/list/id``.
    """
    if key is None:
        return _invalid("the record has no key: it is entity/list/id, such as user/block/alice")
    if value is None:
        return _tombstone(key)
    if len(value) > MAX_RECORD_BYTES:
        return _invalid(f"{len(value)} bytes, at most {MAX_RECORD_BYTES} are read")
    try:
        value.decode()
        record = _decoder.decode(value)
        check_keys(value)
        entry = _entry(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        return _invalid(str(error)[:_DETAIL_CHARACTERS])
    except (TimeUnreadableError, DuplicateKeyError) as error:
        return _invalid(str(error)[:_DETAIL_CHARACTERS])
    if isinstance(entry, Refusal):
        return entry
    if key != entry_key(entry.entity, entry.name, entry.id):
        shown = key[:64].decode(errors="replace")
        return _invalid(f"the record key is {shown!r}, the entry's is {entry.entity}/{entry.name}/{entry.id}")
    return entry


def encode_entry(record: ListRecord) -> tuple[bytes, bytes] | Refusal:
    """Key and value of a record to be sent, or why the job would refuse it."""
    key, value = entry_key(record.entity, record.list, record.id), msgspec.json.encode(record)
    decoded = decode_entry(value, key)
    return decoded if isinstance(decoded, Refusal) else (key, value)


def normal_id(entity: ListedEntity, text: str) -> str:
    """The normal form of an id that a person wrote; without one it stays as it is, and is refused later."""
    if entity is ListedEntity.COUNTRY:
        return country_of(text) or text
    if entity is ListedEntity.NETWORK:
        try:
            return str(ip_network(text.strip()))
        except ValueError:
            return text
    return normal_identifier(text)


def check_entry(name: str, entity: ListedEntity, entity_id: str) -> Refusal | None:
    """Refuse a name of a list, or an id that is not in its normal form: payments are compared with that."""
    if _LIST_NAME.fullmatch(name) is None:
        return _invalid(f"list {name[:64]!r} is no name: use lower-case letters, digits, _ and -, at most 63")
    if entity is ListedEntity.COUNTRY:
        if entity_id not in COUNTRIES:
            return _invalid(f"id {entity_id[:64]!r} is no country: use its ISO 3166 code of two capital letters")
        return None
    if entity is ListedEntity.NETWORK:
        return _check_network(entity_id)
    if normal_identifier(entity_id) != entity_id:
        return _invalid(
            f"id {entity_id[:64]!r} is not in its normal form: send it, and the record key, without "
            "surrounding spaces or invisible characters, in Unicode NFC"
        )
    refusal = check_identifier("id", entity_id)
    return None if refusal is None else _invalid(refusal.detail)


def _check_network(text: str) -> Refusal | None:
    try:
        normal = str(ip_network(text, strict=False))
    except ValueError:
        return _invalid(f"id {text[:64]!r} is no network: use CIDR, such as 192.0.2.0/24")
    return None if normal == text else _invalid(f"id {text[:64]!r} is not in its normal form: use {normal}")


def _entry(record: ListRecord) -> ListEntry | Refusal:
    refusal = check_entry(record.list, record.entity, record.id)
    if refusal is not None:
        return refusal
    if record.rules and record.list != ListName.SUPPRESS:
        return _invalid("rules belong to a suppression: leave them out, or use list suppress")
    at = _time("at", record.at)
    since = at if record.since is None else _time("since", record.since)
    until = FOREVER if record.until is None else _time("until", record.until)
    for time in (at, since):
        if not _LIMITS.earliest <= time < _LIMITS.latest:
            return _invalid("at and since are times of this century")
    if until >= _LIMITS.latest:
        until = FOREVER
    if until <= since and not record.removed:
        return _invalid("until is not after since: the entry would never be in force")
    return ListEntry(record.list, record.entity, record.id, since, until, record.rules, record.removed)


def _time(name: str, value: Any) -> int:  # noqa: ANN401 - a time as it is written
    if isinstance(value, str):
        return epoch_ms(name, value)
    time = integer_of(value)
    if time is None:
        raise TimeUnreadableError(f"{name}: {value!r} is no whole number of milliseconds")
    return time


def _tombstone(key: bytes) -> ListEntry | Refusal:
    try:
        entity, name, entity_id = key.decode().split("/", 2)
        kind = ListedEntity(entity)
    except ValueError:
        return _invalid(f"the record key {key[:64].decode(errors='replace')!r} is not entity/list/id")
    refusal = check_entry(name, kind, entity_id)
    return refusal or ListEntry(name, kind, entity_id, tombstone=True)


def _invalid(detail: str) -> Refusal:
    return Refusal(Refused.LIST_ENTRY_INVALID, detail)
