"""Binary format of a history, in 64-bit words: its head, its recent events, and the older events of a hot key.

An event takes 16 bytes: 8 for the counterparty, 4 for the time as a distance from the oldest, 4 for the amount in the
largest unit that all amounts share; and a bit that is set if it was declined. If a time or an amount does not fit, the
history has the wide format, with 8 bytes for each. Running totals and ``PREVIOUS`` are not stored but computed.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled
from state.kernel.sections import ProfileDamagedError, words_of
from state.kernel.types import Words
from state.windowing.distinct import (
    COUNTERPARTY_COLUMNS,
    COUNTERPARTY_COUNT,
    HEAD_WORDS,
    MAX_STRATA,
    STRATUM_COUNT,
    STRATUM_SINCE,
)
from state.windowing.raw_events import (
    BASE_DECLINED,
    BASE_UNITS,
    COUNT,
    DECLINED,
    EVENT_COLUMNS,
    KEY,
    TIME,
    UNITS,
    insert,
    previous_time,
)
from state.windowing.tiles import TILE_COLUMNS, TILE_COUNT
from state.windowing.tiles_codec import COARSEST_UNIT, coarsest_unit, read_tiles, tile_words, write_tiles

_NARROW_LIMIT = 2**32
_WORD_BITS = 64
_SPARE_EVENTS, _SPARE_TILES = 4, 32  # capacity for more in the arrays of a restored history
_PREFIX_WORDS = 2  # time of the oldest event; unit of the amounts, or 0 in the wide format
_WIDE_EVENT_WORDS = 3  # in the wide format: key, time, amount


@compiled
def max_history_words(event_capacity: int, tile_capacity: int, counterparty_capacity: int) -> int:
    """Return an upper bound of the words of a packed history, by the capacities of its arrays."""
    events = (_WIDE_EVENT_WORDS + 1) * event_capacity
    return (
        HEAD_WORDS
        + 2 * _PREFIX_WORDS
        + events
        + TILE_COLUMNS * tile_capacity
        + COUNTERPARTY_COLUMNS * counterparty_capacity
    )


@compiled
def write_history(head: Words, events: Words, tiles: Words, counterparties: Words, words: Words) -> int:
    """Write a history to ``words``, from the first on; return their number."""
    position = _head_words(head)
    for word in range(position):
        words[word] = head[word]
    position = _write_events(head, events, words, position)
    return write_tiles(head, tiles, counterparties, words, position)


@compiled
def _head_words(head: Words) -> int:
    return STRATUM_SINCE + head[STRATUM_COUNT] if head[TILE_COUNT] else TILE_COUNT + 1


@compiled
def _write_events(head: Words, events: Words, words: Words, position: int) -> int:
    count = head[COUNT]
    if not count:
        return position
    oldest, largest, previous, unit = events[TIME, 0], 0, head[BASE_UNITS], COARSEST_UNIT
    for row in range(count):
        amount = events[UNITS, row] - previous
        largest, unit = max(largest, amount), coarsest_unit(unit, amount)
        previous = events[UNITS, row]
    is_wide = largest // unit >= _NARROW_LIMIT or events[TIME, count - 1] - oldest >= _NARROW_LIMIT
    words[position], words[position + 1] = oldest, 0 if is_wide else unit
    position += _PREFIX_WORDS
    for row in range(count):
        words[position + row] = events[KEY, row]
    position += count
    previous = head[BASE_UNITS]
    for row in range(count):
        time, units = events[TIME, row] - oldest, events[UNITS, row] - previous
        previous = events[UNITS, row]
        if is_wide:
            words[position + 2 * row], words[position + 2 * row + 1] = time, units
        else:
            words[position + row] = time << 32 | units // unit
    position += 2 * count if is_wide else count
    previous = head[BASE_DECLINED]
    for word in range(_bit_words(count)):
        words[position + word] = 0
    for row in range(count):
        words[position + row // _WORD_BITS] |= (events[DECLINED, row] - previous) << (row % _WORD_BITS)
        previous = events[DECLINED, row]
    return position + _bit_words(count)


@compiled
def _bit_words(count: int) -> int:
    return (count + _WORD_BITS - 1) // _WORD_BITS


def read_history(data: bytes, head: Words) -> tuple[Words, Words, Words]:
    """Read a packed history.

    Args:
        data: packed history.
        head: written.

    Returns:
        Recent events, tiles and counterparties, with some capacity for more.

    Raises:
        ProfileDamagedError: if the bytes are truncated or inconsistent.
    """
    words = words_of(data)
    position = _read_head(words, head)
    count, tile_count, key_count = int(head[COUNT]), int(head[TILE_COUNT]), int(head[COUNTERPARTY_COUNT])
    if position < 0 or min(count, tile_count, key_count) < 0 or not 0 <= head[STRATUM_COUNT] <= MAX_STRATA:
        raise ProfileDamagedError(f"{len(data)} bytes are not a packed history")
    if count and len(words) <= position + 1:
        raise ProfileDamagedError(f"{len(data)} bytes end before the {count} events of the packed history")
    tiles_position = position + _event_words(words, position, count)
    is_narrow = bool(words[tiles_position]) if tile_count and tiles_position < len(words) else False
    if len(words) != tiles_position + tile_words(head, is_narrow):
        raise ProfileDamagedError(f"{len(data)} bytes are not a packed history of {count} events")
    events = np.empty((EVENT_COLUMNS, count + count // 4 + _SPARE_EVENTS), np.int64)
    _read_events(head, words, position, events)
    spare = _SPARE_TILES if tile_count else 0
    tiles = np.empty((TILE_COLUMNS, tile_count + spare), np.int64)
    counterparties = np.empty((COUNTERPARTY_COLUMNS, key_count + spare), np.int64)
    if tile_count:
        read_tiles(head, words, tiles_position, tiles, counterparties)
    return events, tiles, counterparties


def _read_head(words: Words, head: Words) -> int:
    """Fill the head; return the position of the first event, or -1 if there is no valid head."""
    start = TILE_COUNT + 1
    if len(words) < start:
        return -1
    head[:start] = words[:start]
    if not head[TILE_COUNT]:
        return start
    if len(words) < STRATUM_SINCE:
        return -1
    start = STRATUM_SINCE + int(words[STRATUM_COUNT])
    if not STRATUM_SINCE <= start <= min(HEAD_WORDS, len(words)):
        return -1
    head[:start] = words[:start]
    return start


def _event_words(words: Words, position: int, count: int) -> int:
    if not count:
        return 0
    return _PREFIX_WORDS + (2 if words[position + 1] else _WIDE_EVENT_WORDS) * count + _bit_words(count)


@compiled
def _read_events(head: Words, words: Words, position: int, events: Words) -> None:
    count = head[COUNT]
    if not count:
        return
    oldest, unit = words[position], words[position + 1]
    keys = position + _PREFIX_WORDS
    pairs = keys + count
    bits = pairs + (1 if unit else 2) * count
    head[COUNT] = 0
    for row in range(count):
        if unit:
            time, units = (
                words[pairs + row] >> 32 & (_NARROW_LIMIT - 1),
                (words[pairs + row] & (_NARROW_LIMIT - 1)) * unit,
            )
        else:
            time, units = words[pairs + 2 * row], words[pairs + 2 * row + 1]
        declined = words[bits + row // _WORD_BITS] >> (row % _WORD_BITS) & 1
        key = words[keys + row]
        insert(head, events, row, oldest + time, key, previous_time(events, row, key), declined, units)
