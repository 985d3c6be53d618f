"""Hostile records: seeded mutations of real ones of every input topic, for a soak of a running job.

All of them have keys of hostile users, so that records that are accepted touch only the profiles of hostile users,
merchants and devices, and can be told from honest traffic.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from udfs.names import Kind

PREFIX = "hostile-"
"""Begins the ids of all users, merchants, devices and transactions of hostile records."""

Fields = dict[str, Any]

_TEXTS = (
    "",
    " ",
    "null",
    "\u0000",
    "\u202eabc",
    "e\u0301",
    "\ufeff",
    "\U0001f4b3" * 40,
    "[red]x[/red]",
    "{{7*7}}",
    "' OR 1=1 --",
    "a" * 300,
    "\ud800",
)
_NUMBERS: tuple[Any, ...] = (
    0,
    -0.0,
    -1,
    1e-320,
    1e308,
    2**53 + 1,
    2**63,
    2**64,
    10**400,
    "1e999",
    "12,5",
    "0x10",
    True,
    None,
    [],
    {},
)
_TIMES: tuple[Any, ...] = (
    0,
    -1,
    1,
    10**18,
    "now",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00",
    "20260101T000000Z",
    "2026-W01-1T00:00:00Z",
    "1767225600",
    1767225600.5,
)
_ENCODINGS = ("utf-8", "utf-16", "latin-1", "utf-7", "cp1252")


class HostileRecord(NamedTuple):
    """A record for one of the input topics."""

    kind: Kind
    key: bytes | None
    value: bytes | None


class HostileRecords:
    """Makes hostile records.

    Args:
        rng: source of every choice, so that a seed repeats them.
        max_record_bytes: largest record that the job accepts; some are larger.
    """

    def __init__(self, rng: random.Random, max_record_bytes: int) -> None:
        self._rng = rng
        self._max_record_bytes = max_record_bytes
        self._number = 0

    def next(self, now_ms: int) -> HostileRecord:
        """Make a record; its time is near ``now_ms`` (epoch ms) unless the mutation is of the time."""
        rng = self._rng
        self._number += 1
        user = f"{PREFIX}{rng.randrange(50)}"
        kinds = (Kind.TRANSACTION, Kind.ACCOUNT_EVENT, Kind.LABEL, Kind.CONTROL, Kind.LIST_ENTRY)
        (kind,) = rng.choices(kinds, (66, 12, 12, 5, 5))
        fields = self._fields(kind, user, now_ms)
        mutate = rng.choice((self._change_field, self._change_time, self._nest, self._add_fields, self._drop_field))
        mutate(fields, now_ms)
        value = self._encode(fields)
        damage: Callable[[bytes], bytes] = rng.choice((self._keep, self._keep, self._flip, self._cut, self._pad))
        entity_id = f"user/block/{user}" if kind is Kind.LIST_ENTRY else user
        # The broker itself refuses a record without a key for a compacted topic.
        missing = b"" if kind is Kind.LIST_ENTRY else None
        key = rng.choice((entity_id.encode(),) * 8 + (missing, b"", b"\xff\xfe"))
        # Under the key of a kind a control record might be put in force, and change what honest payments get.
        return HostileRecord(kind, f"{PREFIX}control".encode() if kind is Kind.CONTROL else key, damage(value))

    def _fields(self, kind: Kind, user: str, now_ms: int) -> Fields:
        rng, number = self._rng, self._number
        if kind is Kind.ACCOUNT_EVENT:
            return {"user_id": user, "kind": rng.choice(("login", "password_reset", "x")), "timestamp": now_ms}
        if kind is Kind.LABEL:
            return {
                "transaction_id": f"{PREFIX}{number}",
                "user_id": user,
                "merchant_id": f"{PREFIX}shop",
                "event_time": now_ms,
                "timestamp": now_ms,
                "label": rng.choice(("fraud", "legitimate", "")),
            }
        if kind is Kind.CONTROL:
            return {"kind": rng.choice(("rules", "patterns", "thresholds", 7)), "version": number, "body": {}}
        if kind is Kind.LIST_ENTRY:
            return {
                "list": rng.choice(("block", "suppress", "")),
                "entity": rng.choice(("user", "network", "planet")),
                "id": user,
                "at": now_ms,
                "timestamp": now_ms,
                "reason": "none",
                "author": "nobody",
            }
        return {
            "transaction_id": f"{PREFIX}{number}",
            "user_id": user,
            "amount": round(rng.lognormvariate(3, 1), 2),
            "currency": "EUR",
            "merchant_id": f"{PREFIX}shop-{rng.randrange(5)}",
            "timestamp": now_ms,
            "location": {"latitude": 48.2, "longitude": 16.4, "country": "AT"},
            "channel": "web",
            "device": {"id": f"{PREFIX}device-{rng.randrange(9)}"},
            "metadata": {"declined": rng.random() < 0.3},
        }

    def _change_field(self, fields: Fields, _: int) -> None:
        name = self._rng.choice(list(fields))
        fields[name] = self._rng.choice(_TEXTS + _NUMBERS)

    def _change_time(self, fields: Fields, now_ms: int) -> None:
        hours = self._rng.choice((-24 * 400, -48, -2, 0.1, 2, 20, 23.9, 25, 24 * 400))
        shifted = now_ms + round(hours * 3_600_000)
        fields["timestamp"] = self._rng.choice((*_TIMES, *(shifted,) * len(_TIMES)))

    def _nest(self, fields: Fields, _: int) -> None:
        deep: Any = "bottom"
        for _level in range(self._rng.choice((5, 200, 5_000))):
            deep = [deep] if self._rng.random() < 0.5 else {"a": deep}
        fields["metadata"] = deep

    def _add_fields(self, fields: Fields, _: int) -> None:
        for number in range(self._rng.choice((1, 50, 2_000))):
            fields[f"extra{number}"] = self._rng.choice(_TEXTS + _NUMBERS)

    def _drop_field(self, fields: Fields, _: int) -> None:
        del fields[self._rng.choice(list(fields))]

    def _encode(self, fields: Fields) -> bytes:
        try:
            text = json.dumps(fields, ensure_ascii=self._rng.random() < 0.5)
        except RecursionError:
            text = "[" * 5_000
        if self._rng.random() < 0.05:
            text = text[:-1] + "," + text[1:]  # every key twice
        return text.encode(self._rng.choice(_ENCODINGS[:1] * 12 + _ENCODINGS), errors="replace")

    def _keep(self, value: bytes) -> bytes:
        return value

    def _flip(self, value: bytes) -> bytes:
        damaged = bytearray(value or b"x")
        for _ in range(self._rng.randrange(1, 4)):
            damaged[self._rng.randrange(len(damaged))] ^= 1 << self._rng.randrange(8)
        return bytes(damaged)

    def _cut(self, value: bytes) -> bytes:
        return value[: self._rng.randrange(len(value) + 1)]

    def _pad(self, value: bytes) -> bytes:
        if self._rng.random() < 0.98:
            return value + b" " * self._rng.randrange(2_000)
        return value + b" " * self._rng.choice((self._max_record_bytes, 4 * self._max_record_bytes))
