"""Ids as 64 bits."""

from __future__ import annotations

from functools import lru_cache

from xxhash import xxh3_64_intdigest

_HALF = 2**63
_CODE_BYTES = 8


def signed(key: int) -> int:
    """A number of 64 bits, moved into the range of those that have a sign."""
    return key - _HALF


def key_of(name: str) -> int:
    """The 64 bits that stand for an id. Among a thousand ids, two are confused with a chance of 3e-14."""
    return xxh3_64_intdigest(name.encode()) - _HALF


@lru_cache(maxsize=4_096)
def short_key_of(name: str) -> int:
    """Likewise of a short name, such as a country's: up to 8 bytes stand for themselves, and keep their order."""
    data = name.encode()
    return int.from_bytes(data.ljust(_CODE_BYTES, b"\0")) - _HALF if len(data) <= _CODE_BYTES else key_of(name)
