"""Binary format of a history, in 64-bit words: its head, its recent events, and the older events of a hot key.

An event takes 16 bytes: 8 for the counterparty, 4 for the time as a distance from the oldest, 4 for the amount in the
largest unit that all amounts share; and a bit that is set if it was declined. If a time or an amount does not fit, the
history has the wide format, with 8 bytes for each. Running totals and ``PREVIOUS`` are not stored but computed.
"""

from __future__ import annotations

from state.kernel.jit import compiled
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


@compiled
def packed_capacities(words: Words) -> tuple[int, int, int]:
    """Return capacities that a packed history needs for recent events, tiles and counterparties, with some to spare.

    The first is -1 if the words are truncated or inconsistent.
    """
    length = words.shape[0]
    damaged = -1, 0, 0
    if length <= TILE_COUNT:
        return damaged
    count, tile_count, keys, position = words[COUNT], words[TILE_COUNT], 0, TILE_COUNT + 1
    if tile_count:
        if length < STRATUM_SINCE or not 0 <= words[STRATUM_COUNT] <= MAX_STRATA:
            return damaged
        keys, position = words[COUNTERPARTY_COUNT], STRATUM_SINCE + words[STRATUM_COUNT]
    # Each takes more than a word, so larger numbers are no numbers of words.
    if min(count, tile_count, keys) < 0 or max(count, tile_count, keys) > length or position > length:
        return damaged
    if count:
        if length <= position + 1:
            return damaged
        position += _event_words(words, position, count)
    expected = 0
    if tile_count:
        expected = tile_words(words, position < length and words[position] != 0)
    if length != position + expected:
        return damaged
    spare = _SPARE_TILES if tile_count else 0
    return count + count // 4 + _SPARE_EVENTS, tile_count + spare, keys + spare


@compiled
def read_history(words: Words, head: Words, events: Words, tiles: Words, counterparties: Words) -> None:
    """Read a packed history into the arrays of a new one, which have ``packed_capacities``."""
    end = _head_words(words)
    for word in range(end):
        head[word] = words[word]
    _read_events(head, words, end, events)
    if head[TILE_COUNT]:
        read_tiles(head, words, end + _event_words(words, end, head[COUNT]), tiles, counterparties)


@compiled
def _event_words(words: Words, position: int, count: int) -> int:
    """Return the number of words of the events that begin at a position."""
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
