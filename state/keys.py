"""Ids as 64 bits, and small tables of them."""

from __future__ import annotations

import xxhash


def key_of(name: str) -> int:
    """The 64 bits that stand for an id. Among a thousand ids, two are confused with a chance of 3e-14."""
    return xxhash.xxh3_64_intdigest(name.encode())


def put_last(table: dict[int, int], key: int, value: int, capacity: int) -> None:
    """Set a key's value and put it last; drop the first of too many, the one put longest ago."""
    table.pop(key, None)
    table[key] = value
    if len(table) > capacity:
        del table[next(iter(table))]
