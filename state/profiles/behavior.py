"""What a user does as a rule: hours, merchants, devices, places; how they are told of, learned and packed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.sections import ProfileDamagedError, words_of
from state.kernel.times import DAY_MS, HOUR_MS, NEVER
from state.profiles import frequency_table, geo_and_channel
from state.profiles.frequency_table import DEVICE, MERCHANT
from state.profiles.geo_and_channel import ABSENT
from state.windowing import raw_events, tiles
from state.windowing.raw_events import COUNT, KEY, TIME, Words

HOURS = 24
KNOWN, RECENT = HOURS, HOURS + 1
"""After the payments in each hour of the day (UTC): rows of the table of what is known, and of the recent payments."""
HABITS = HOURS + 2

(
    EARLIER,
    EARLIER_UNITS,
    EARLIER_SPREAD,
    EARLIER_HIGHEST,
    LAST,
    SAME_HOUR,
    VISITS,
    REPEATED,
    ACCOUNT_EVENTS,
    DEVICE_NEW,
    GEO_AND_CHANNEL,
) = range(11)
"""What is told of before a payment: all earlier ones (how many, their units, n (n - 1) times the sample variance of
them, the largest), the time of the last (ms), those in this hour of the day, those at this merchant, 1 if one of the
last day had just this amount; account events of the last day; 1 if the device is new, else 0; and then
``surroundings.TOLD``. NaN where there is nothing to tell."""
OUT_WIDTH = GEO_AND_CHANNEL + geo_and_channel.OUT_WIDTH

_MOST_ROWS_A_PAYMENT = 5


@compiled
def has_room(habits: Words, table: Words, recent: Words) -> bool:
    """Whether one payment more fits."""
    return habits[KNOWN] + _MOST_ROWS_A_PAYMENT <= table.shape[1] and habits[RECENT] < recent.shape[1]


@compiled
def lookup(
    head: Words,
    kept: Words,
    older: Words,
    habits: Words,
    table: Words,
    recent: Words,
    account_events: Words,
    time: int,
    units: int,
    merchant: int,
    device: int,
    country: int,
    channel: int,
    told: npt.NDArray[np.float64],
) -> None:
    """Tell what was before a payment that comes now, in order or late; before it is learned.

    Args:
        head: of the history.
        kept: likewise.
        older: likewise, its tiles.
        habits: hours and counts.
        table: what is known (``state.profiles.frequency_table``).
        recent: recent payments (``state.profiles.geo_and_channel``).
        account_events: times (ms), ascending.
        time: of the payment, ms.
        units: its amount.
        merchant: its key.
        device: its key, or ``ABSENT``.
        country: likewise.
        channel: likewise.
        told: (TOLD,), written.
    """
    row = raw_events.place(kept, head[COUNT], time)
    _tell_amounts(head, kept, older, row, time, units, told)
    hour = time // HOUR_MS % HOURS
    same_hour = habits[hour]
    visits = frequency_table.count_of(table, habits[KNOWN], MERCHANT, merchant)
    for newer in range(row, head[COUNT]):
        same_hour -= kept[TIME, newer] // HOUR_MS % HOURS == hour
        visits -= kept[KEY, newer] == merchant
    told[SAME_HOUR], told[VISITS] = same_hour, max(visits, 0)
    known_events = account_events.shape[0]
    told[ACCOUNT_EVENTS] = first_after(account_events, known_events, time) - first_after(
        account_events, known_events, time - DAY_MS
    )
    told[DEVICE_NEW] = _is_device_new(table, habits[KNOWN], device, time)
    geo_and_channel.lookup(table, habits[KNOWN], recent, habits[RECENT], time, country, channel, told[GEO_AND_CHANNEL:])


@compiled
def _tell_amounts(
    head: Words, kept: Words, older: Words, row: int, time: int, units: int, told: npt.NDArray[np.float64]
) -> None:
    if row or not head[tiles.TILES]:
        count, _, total, high, low = raw_events.totals_before(head, kept, row)
    else:
        count, _, total, high, low = tiles.totals_until(head, older, time)
    told[EARLIER], told[EARLIER_UNITS] = count, total
    told[EARLIER_SPREAD] = int128.spread(count, total, high, low)
    highest, repeated = head[raw_events.BASE_HIGHEST], False
    for i in range(row):
        of_event = raw_events.amount(head, kept, i)
        highest = max(highest, of_event)
        repeated |= of_event == units and kept[TIME, i] > time - DAY_MS
    told[EARLIER_HIGHEST], told[REPEATED] = highest, repeated
    if row:
        told[LAST] = kept[TIME, row - 1]
    else:
        told[LAST] = _last_of_older(head, older, time)


@compiled
def _last_of_older(head: Words, older: Words, time: int) -> float:
    """The time of the last event that is no longer kept one by one and not after ``time``; of a tile, its begin."""
    if head[raw_events.BASE_LAST] <= time:
        return float(head[raw_events.BASE_LAST]) if head[raw_events.BASE_LAST] > NEVER else math.nan
    after = tiles.first_after(head, older, time)
    if after < head[tiles.TILES] and older[tiles.FIRST, after] <= time:
        return float(older[tiles.FIRST, after])
    return float(older[tiles.LAST, after - 1]) if after else math.nan


@compiled
def _is_device_new(table: Words, count: int, device: int, time: int) -> float:
    """1 if the device was not used before, NaN if none was."""
    if device == ABSENT:
        return math.nan
    any_used = False
    for row in range(count):
        if table[frequency_table.KIND, row] == DEVICE and table[frequency_table.EXTRA, row] <= time:
            if table[frequency_table.KEY, row] == device:
                return 0.0
            any_used = True
    return 1.0 if any_used else math.nan


@compiled
def update(
    habits: Words,
    table: Words,
    recent: Words,
    time: int,
    merchant: int,
    device: int,
    latitude: int,
    longitude: int,
    country: int,
    channel: int,
    lateness: int,
) -> None:
    """Take what a payment says. There must be room."""
    habits[time // HOUR_MS % HOURS] += 1
    _, count = frequency_table.update(table, habits[KNOWN], MERCHANT, merchant)
    if device != ABSENT:
        row, count = frequency_table.update(table, count, DEVICE, device)
        is_first = table[frequency_table.COUNT, row] == 1
        table[frequency_table.EXTRA, row] = time if is_first else min(table[frequency_table.EXTRA, row], time)
    habits[KNOWN], habits[RECENT] = geo_and_channel.update(
        table, count, recent, habits[RECENT], time, latitude, longitude, country, channel, lateness
    )


@compiled
def words_at_most(known_rows: int, recents: int) -> int:
    """How many words habits take at most, packed, that have room for so much."""
    return HABITS + 4 * known_rows + geo_and_channel.COLUMNS * recents


def pack(habits: Words, table: Words, recent: Words) -> bytes:
    """As bytes: 12 for each that is known (20 for devices, 28 for cells), 40 for each recent payment."""
    words = np.empty(words_at_most(table.shape[1], recent.shape[1]), np.int64)
    return words[: write(habits, table, recent, words)].tobytes()


_HALF = 32  # bits; in one half of a word: the kind in 3 bits above, how often seen below
_KIND_AT = 29
_ALL_SEEN = (1 << _KIND_AT) - 1
_PACKED_HABITS = HOURS // 2 + 2


@compiled
def _extras(kind: int) -> int:
    return (2 if kind == frequency_table.CELL else 1) if kind in (frequency_table.CELL, DEVICE) else 0


@compiled
def write(habits: Words, table: Words, recent: Words, words: Words) -> int:
    """Write what ``pack`` packs; say how many words were written."""
    for pair in range(HOURS // 2):
        words[pair] = habits[2 * pair] << _HALF | habits[2 * pair + 1]
    words[HOURS // 2], words[HOURS // 2 + 1] = habits[KNOWN], habits[RECENT]
    count, at = habits[KNOWN], _PACKED_HABITS
    for row in range(0, count, 2):
        words[at] = _kind_and_seen(table, row) << _HALF | (_kind_and_seen(table, row + 1) if row + 1 < count else 0)
        at += 1
    for row in range(count):
        words[at] = table[frequency_table.KEY, row]
        at += 1
        for extra in range(_extras(table[frequency_table.KIND, row])):
            words[at] = table[frequency_table.EXTRA + extra, row]
            at += 1
    for row in range(habits[RECENT]):
        for column in range(geo_and_channel.COLUMNS):
            words[at] = recent[column, row]
            at += 1
    return at


@compiled
def _kind_and_seen(table: Words, row: int) -> int:
    return table[frequency_table.KIND, row] << _KIND_AT | min(table[frequency_table.COUNT, row], _ALL_SEEN)


def unpack(data: bytes) -> tuple[Words, Words, Words]:
    """What ``pack`` packed: habits, table and recent payments, with room for more.

    Raises:
        ProfileDamagedError: if it cannot be.
    """
    words = words_of(data)
    rows, recents = words[_PACKED_HABITS - 2 : _PACKED_HABITS].tolist() if len(words) >= _PACKED_HABITS else (-1, -1)
    if min(rows, recents) < 0 or rows + geo_and_channel.COLUMNS * recents > len(words) - _PACKED_HABITS:
        raise ProfileDamagedError(f"{len(data)} bytes are no packed habits")
    habits = np.empty(HABITS, np.int64)
    table = np.empty((frequency_table.COLUMNS, rows + 2 * _MOST_ROWS_A_PAYMENT), np.int64)
    recent = np.empty((geo_and_channel.COLUMNS, recents + 2), np.int64)
    if _unpack(habits, table, recent, words) != len(words):
        raise ProfileDamagedError(f"{len(data)} bytes are not the packed habits that they say they are")
    return habits, table, recent


@compiled
def _unpack(habits: Words, table: Words, recent: Words, words: Words) -> int:
    """Fill all three; say how many words that took, or -1 if there are too few."""
    mask = (1 << _HALF) - 1
    for pair in range(HOURS // 2):
        habits[2 * pair], habits[2 * pair + 1] = words[pair] >> _HALF & mask, words[pair] & mask
    habits[KNOWN], habits[RECENT] = words[HOURS // 2], words[HOURS // 2 + 1]
    count, at = habits[KNOWN], _PACKED_HABITS
    kinds, at = at, at + (count + 1) // 2
    for row in range(count):
        half = words[kinds + row // 2] >> (0 if row % 2 else _HALF) & mask
        kind = half >> _KIND_AT
        if at + 1 + _extras(kind) > words.shape[0]:
            return -1
        table[frequency_table.KEY, row], table[frequency_table.KIND, row], table[frequency_table.COUNT, row] = (
            words[at],
            kind,
            half & _ALL_SEEN,
        )
        table[frequency_table.EXTRA, row] = table[frequency_table.MORE, row] = 0
        at += 1
        for extra in range(_extras(kind)):
            table[frequency_table.EXTRA + extra, row] = words[at]
            at += 1
    if at + geo_and_channel.COLUMNS * habits[RECENT] > words.shape[0]:
        return -1
    for row in range(habits[RECENT]):
        for column in range(geo_and_channel.COLUMNS):
            recent[column, row] = words[at]
            at += 1
    return at


EMPTY = bytes(8 * _PACKED_HABITS)
"""Packed habits of a user without any."""
