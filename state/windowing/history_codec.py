"""A history as bytes: the head, the events that are kept one by one, and what there is of the older past.

Of an event only what the columns follow from is stored, 16 bytes as a rule: 4 bytes the time as a distance from the
oldest, 4 bytes the amount (in whole currency units or hundredths where all are; 8 bytes each where one does not fit),
8 bytes the other party, and a bit that tells whether it was declined. Running totals and ``SEEN`` are made again.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled
from state.kernel.sections import ProfileDamagedError, words_of
from state.windowing import distinct, raw_events, tiles, tiles_codec
from state.windowing.raw_events import COUNT, DECLINED, KEY, TIME, Words

_WIDE = 2**32
_WORD_BITS = 64
_SPARE, _SPARE_OLDER = 4, 32
_HEAD = 2  # words before the events: time of the oldest; unit of the amounts, or 0 where they take a word each
MOST_PER_EVENT = 3
"""Words an event takes at most; bits of declined events and the head beside them."""


@compiled
def words_at_most(kept: int, older: int, parties: int) -> int:
    """How many words a history takes at most that has room for so many events, tiles and parties."""
    return distinct.HEAD + 2 * _HEAD + (MOST_PER_EVENT + 1) * kept + tiles.COLUMNS * older + distinct.COLUMNS * parties


@compiled
def pack(head: Words, kept: Words, older: Words, parties: Words, words: Words) -> int:
    """Write it; say how many words were written."""
    at = _words_of_head(head)
    for word in range(at):
        words[word] = head[word]
    at = _pack_events(head, kept, words, at)
    return tiles_codec.pack(head, older, parties, words, at)


@compiled
def _words_of_head(head: Words) -> int:
    return distinct.SINCE + head[distinct.STRATA] if head[tiles.TILES] else tiles.TILES + 1


@compiled
def _pack_events(head: Words, kept: Words, words: Words, at: int) -> int:
    count = head[COUNT]
    if not count:
        return at
    oldest, largest, before, unit = kept[TIME, 0], 0, head[raw_events.BASE_UNITS], tiles_codec.COARSEST
    for row in range(count):
        amount = kept[raw_events.UNITS, row] - before
        largest, unit = max(largest, amount), tiles_codec.finer(unit, amount)
        before = kept[raw_events.UNITS, row]
    is_wide = largest // unit >= _WIDE or kept[TIME, count - 1] - oldest >= _WIDE
    words[at], words[at + 1] = oldest, 0 if is_wide else unit
    at += _HEAD
    for row in range(count):
        words[at + row] = kept[KEY, row]
    at += count
    before = head[raw_events.BASE_UNITS]
    for row in range(count):
        time, units = kept[TIME, row] - oldest, kept[raw_events.UNITS, row] - before
        before = kept[raw_events.UNITS, row]
        if is_wide:
            words[at + 2 * row], words[at + 2 * row + 1] = time, units
        else:
            words[at + row] = time << 32 | units // unit
    at += 2 * count if is_wide else count
    before = head[raw_events.BASE_DECLINED]
    for word in range(_words_of_bits(count)):
        words[at + word] = 0
    for row in range(count):
        words[at + row // _WORD_BITS] |= (kept[DECLINED, row] - before) << (row % _WORD_BITS)
        before = kept[DECLINED, row]
    return at + _words_of_bits(count)


@compiled
def _words_of_bits(count: int) -> int:
    return (count + _WORD_BITS - 1) // _WORD_BITS


def unpack(data: bytes, head: Words) -> tuple[Words, Words, Words]:
    """What ``pack`` packed: the events, tiles and parties, with some room for more; the head is filled.

    Raises:
        ProfileDamagedError: if it cannot be.
    """
    words = words_of(data)
    at = _unpack_head(words, head)
    count, tiled, parted = int(head[COUNT]), int(head[tiles.TILES]), int(head[distinct.PARTIES])
    if at < 0 or min(count, tiled, parted) < 0 or not 0 <= head[distinct.STRATA] <= distinct.STRATA_AT_MOST:
        raise ProfileDamagedError(f"{len(data)} bytes are no packed history")
    if count and len(words) <= at + 1:
        raise ProfileDamagedError(f"{len(data)} bytes end before the {count} events that they say they hold")
    older_at = at + _words_of_events(words, at, count)
    narrow = bool(words[older_at]) if tiled and older_at < len(words) else False
    if len(words) != older_at + tiles_codec.words_needed(head, narrow):
        raise ProfileDamagedError(f"{len(data)} bytes do not hold the {count} events that they say they do")
    kept = np.empty((raw_events.COLUMNS, count + count // 4 + _SPARE), np.int64)
    _unpack_events(head, words, at, kept)
    room = _SPARE_OLDER if tiled else 0
    older = np.empty((tiles.COLUMNS, tiled + room), np.int64)
    parties = np.empty((distinct.COLUMNS, parted + room), np.int64)
    if tiled:
        tiles_codec.unpack(head, words, older_at, older, parties)
    return kept, older, parties


def _unpack_head(words: Words, head: Words) -> int:
    """Fill the head; say where the events begin, or -1."""
    start = tiles.TILES + 1
    if len(words) < start:
        return -1
    head[:start] = words[:start]
    if not head[tiles.TILES]:
        return start
    if len(words) < distinct.SINCE:
        return -1
    start = distinct.SINCE + int(words[distinct.STRATA])
    if not distinct.SINCE <= start <= min(distinct.HEAD, len(words)):
        return -1
    head[:start] = words[:start]
    return start


def _words_of_events(words: Words, at: int, count: int) -> int:
    if not count:
        return 0
    return _HEAD + (2 if words[at + 1] else MOST_PER_EVENT) * count + _words_of_bits(count)


@compiled
def _unpack_events(head: Words, words: Words, at: int, kept: Words) -> None:
    count = head[COUNT]
    if not count:
        return
    oldest, unit = words[at], words[at + 1]
    keys = at + _HEAD
    pairs = keys + count
    bits = pairs + (1 if unit else 2) * count
    head[COUNT] = 0
    for row in range(count):
        if unit:
            time, units = words[pairs + row] >> 32 & (_WIDE - 1), (words[pairs + row] & (_WIDE - 1)) * unit
        else:
            time, units = words[pairs + 2 * row], words[pairs + 2 * row + 1]
        declined = words[bits + row // _WORD_BITS] >> (row % _WORD_BITS) & 1
        key = words[keys + row]
        raw_events.insert(head, kept, row, oldest + time, key, raw_events.seen_before(kept, row, key), declined, units)
