"""The events of a history as bytes: what the columns follow from, 16 bytes an event as a rule.

A bit tells declined events, 4 bytes the time as a distance from the oldest, 4 bytes the amount (8 where one of them is
429,497 currency units or more), 8 bytes the other party. Running totals and ``SEEN`` are made again from these.
"""

from __future__ import annotations

import numpy as np

from state import events
from state.compiled import compiled
from state.events import COUNT, DECLINED, KEY, TIME, UNITS, Words
from state.packing import ProfileDamagedError

_WIDE = 2**32
_ROOM = 1.25  # of what is unpacked: the next events must not make the table grow at once


def pack_events(head: Words, kept: Words) -> bytes:
    """As bytes; the totals before them stand in the head."""
    count = int(head[COUNT])
    words = np.empty(3 + 4 * count, np.int64)
    used = _pack(head, kept, words)
    return words[:used].tobytes()


@compiled
def _pack(head: Words, kept: Words, words: Words) -> int:
    """Write them; say how many words were written."""
    count = head[COUNT]
    if not count:
        return 0
    oldest, largest = kept[TIME, 0], 0
    for row in range(count):
        largest = max(largest, events.amount(head, kept, row))
    is_wide = largest >= _WIDE or kept[TIME, count - 1] - oldest >= _WIDE
    words[0], words[1] = oldest, is_wide
    at = 2
    for row in range(count):
        words[at + row] = kept[KEY, row]
    at += count
    if is_wide:
        for row in range(count):
            words[at + 2 * row] = kept[TIME, row] - oldest
            words[at + 2 * row + 1] = events.amount(head, kept, row)
        at += 2 * count
    else:
        for row in range(count):
            words[at + row] = (kept[TIME, row] - oldest) << 32 | events.amount(head, kept, row)
        at += count
    for first in range(0, count, 64):
        bits = 0
        for row in range(first, min(first + 64, count)):
            before = kept[DECLINED, row - 1] if row else head[events.BASE_DECLINED]
            bits |= (kept[DECLINED, row] - before) << (row - first)
        words[at] = bits
        at += 1
    return at


def unpack_events(head: Words, data: bytes) -> Words:
    """What ``pack_events`` packed, with room for more; the head is already unpacked.

    Raises:
        ProfileDamagedError: if the bytes are not as many as the head says.
    """
    count = int(head[COUNT])
    words = np.frombuffer(bytearray(data), np.int64) if len(data) % 8 == 0 else np.empty(0, np.int64)
    wanted = 0 if not count else 2 + (3 if len(words) > 1 and words[1] else 2) * count + (count + 63) // 64
    if len(words) != wanted or count < 0 or len(data) % 8:
        raise ProfileDamagedError(f"{len(data)} bytes do not hold {count} events")
    kept = np.empty((events.COLUMNS, int(count * _ROOM) + 4), np.int64)
    if count:
        _unpack(head, words, kept)
    return kept


@compiled
def _unpack(head: Words, words: Words, kept: Words) -> None:
    count, oldest, is_wide = head[COUNT], words[0], words[1]
    keys, pairs = 2, 2 + count
    bits = pairs + (2 if is_wide else 1) * count
    head[COUNT] = 0
    for row in range(count):
        if is_wide:
            time, units = words[pairs + 2 * row], words[pairs + 2 * row + 1]
        else:
            time, units = words[pairs + row] >> 32 & (_WIDE - 1), words[pairs + row] & (_WIDE - 1)
        declined = words[bits + row // 64] >> (row % 64) & 1
        key = words[keys + row]
        events.insert(head, kept, row, oldest + time, key, events.seen_before(kept, row, key), declined, units)


def amounts(head: Words, kept: Words) -> list[int]:
    """The amounts of the kept events, units."""
    return [int(one) for one in np.diff(kept[UNITS, : head[COUNT]], prepend=head[events.BASE_UNITS])]
