"""Behavior of a user: usual hours, merchants, devices and places, as of a payment's event time."""

from __future__ import annotations

import math

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.times import DAY_MS, HOUR_MS, NEVER
from state.kernel.types import Floats, Words
from state.profiles import frequency_table, geo_and_channel
from state.profiles.frequency_table import DEVICE, MERCHANT
from state.profiles.geo_and_channel import ABSENT
from state.windowing.raw_events import (
    BASE_HIGHEST,
    BASE_LAST,
    COUNT,
    KEY,
    TIME,
    event_amount,
    event_totals_before,
    insertion_row,
)
from state.windowing.tiles import FIRST as TILE_FIRST
from state.windowing.tiles import LAST as TILE_LAST
from state.windowing.tiles import TILE_COUNT, first_tile_after, tile_totals_until

HOURS = 24
FREQUENCY_COUNT, RECENT_COUNT = HOURS, HOURS + 1
"""Behavior array: number of payments in each hour of the day (UTC), then the number of rows of the frequency table and
of recent payments."""
BEHAVIOR_WORDS = HOURS + 2

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
"""Outputs of ``lookup``. All earlier payments: their number, sum (units), n (n - 1) times the sample variance, largest
amount, time of the last (ms), number in this hour of the day, number at this merchant; 1 if one of the last day had
this amount; number of account events of the last day; 1 if the device is new, else 0; then the outputs of
``geo_and_channel.lookup``. NaN where unknown."""
OUT_WIDTH = GEO_AND_CHANNEL + geo_and_channel.OUT_WIDTH

MAX_ROWS_PER_PAYMENT = 5
"""Rows that a payment adds to the frequency table, at most: one of each kind."""


@compiled
def has_capacity(behavior: Words, frequencies: Words, recent: Words) -> bool:
    """Whether the arrays have capacity for one more payment."""
    return (
        behavior[FREQUENCY_COUNT] + MAX_ROWS_PER_PAYMENT <= frequencies.shape[1]
        and behavior[RECENT_COUNT] < recent.shape[1]
    )


@compiled
def lookup(
    head: Words,
    recent_events: Words,
    tiles: Words,
    behavior: Words,
    frequencies: Words,
    recent: Words,
    account_events: Words,
    time: int,
    units: int,
    merchant: int,
    device: int,
    country: int,
    channel: int,
    out: Floats,
) -> None:
    """Look up the behavior at the time of a payment, from the payments up to that time. Call this before ``update``.

    Args:
        head: head of the history.
        recent_events: recent events of the history.
        tiles: tiles of its older events.
        behavior: hours and counts.
        frequencies: frequency table (``state.profiles.frequency_table``).
        recent: recent payments (``state.profiles.geo_and_channel``).
        account_events: times of account events, ms, ascending.
        time: event time, ms.
        units: amount of the payment.
        merchant: key of the merchant.
        device: key of the device, or ``ABSENT``.
        country: key of the country, or ``ABSENT``.
        channel: key of the channel, or ``ABSENT``.
        out: (OUT_WIDTH,), written.
    """
    row = insertion_row(recent_events, head[COUNT], time)
    _lookup_amounts(head, recent_events, tiles, row, time, units, out)
    hour = time // HOUR_MS % HOURS
    same_hour = behavior[hour]
    visits = frequency_table.count_of(frequencies, behavior[FREQUENCY_COUNT], MERCHANT, merchant)
    for newer in range(row, head[COUNT]):
        same_hour -= recent_events[TIME, newer] // HOUR_MS % HOURS == hour
        visits -= recent_events[KEY, newer] == merchant
    out[SAME_HOUR], out[VISITS] = same_hour, max(visits, 0)
    event_count = account_events.shape[0]
    out[ACCOUNT_EVENTS] = first_after(account_events, event_count, time) - first_after(
        account_events, event_count, time - DAY_MS
    )
    out[DEVICE_NEW] = _is_device_new(frequencies, behavior[FREQUENCY_COUNT], device, time)
    geo_and_channel.lookup(
        frequencies,
        behavior[FREQUENCY_COUNT],
        recent,
        behavior[RECENT_COUNT],
        time,
        country,
        channel,
        out[GEO_AND_CHANNEL:],
    )


@compiled
def _lookup_amounts(
    head: Words, recent_events: Words, tiles: Words, row: int, time: int, units: int, out: Floats
) -> None:
    if row or not head[TILE_COUNT]:
        count, _, total, high, low = event_totals_before(head, recent_events, row)
    else:
        count, _, total, high, low = tile_totals_until(head, tiles, time)
    out[EARLIER], out[EARLIER_UNITS] = count, total
    out[EARLIER_SPREAD] = int128.spread(count, total, high, low)
    highest, repeated = head[BASE_HIGHEST], False
    for i in range(row):
        event_units = event_amount(head, recent_events, i)
        highest = max(highest, event_units)
        repeated |= event_units == units and recent_events[TIME, i] > time - DAY_MS
    out[EARLIER_HIGHEST], out[REPEATED] = highest, repeated
    if row:
        out[LAST] = recent_events[TIME, row - 1]
    else:
        out[LAST] = _last_time_in_tiles(head, tiles, time)


@compiled
def _last_time_in_tiles(head: Words, tiles: Words, time: int) -> float:
    """Return the time of the last older event up to ``time``; inside a tile, the start of the tile."""
    if head[BASE_LAST] <= time:
        return float(head[BASE_LAST]) if head[BASE_LAST] > NEVER else math.nan
    after = first_tile_after(head, tiles, time)
    if after < head[TILE_COUNT] and tiles[TILE_FIRST, after] <= time:
        return float(tiles[TILE_FIRST, after])
    return float(tiles[TILE_LAST, after - 1]) if after else math.nan


@compiled
def _is_device_new(frequencies: Words, count: int, device: int, time: int) -> float:
    """Return 1 if the device was not used up to ``time``, else 0; NaN if the device is absent or no device was used."""
    if device == ABSENT:
        return math.nan
    has_devices = False
    for row in range(count):
        if frequencies[frequency_table.KIND, row] == DEVICE and frequencies[frequency_table.FIRST_USE, row] <= time:
            if frequencies[frequency_table.KEY, row] == device:
                return 0.0
            has_devices = True
    return 1.0 if has_devices else math.nan


@compiled
def update(
    behavior: Words,
    frequencies: Words,
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
    """Add a payment. Requires ``has_capacity``."""
    behavior[time // HOUR_MS % HOURS] += 1
    _, count = frequency_table.update(frequencies, behavior[FREQUENCY_COUNT], MERCHANT, merchant)
    if device != ABSENT:
        row, count = frequency_table.update(frequencies, count, DEVICE, device)
        is_first = frequencies[frequency_table.COUNT, row] == 1
        frequencies[frequency_table.FIRST_USE, row] = (
            time if is_first else min(frequencies[frequency_table.FIRST_USE, row], time)
        )
    behavior[FREQUENCY_COUNT], behavior[RECENT_COUNT] = geo_and_channel.update(
        frequencies, count, recent, behavior[RECENT_COUNT], time, latitude, longitude, country, channel, lateness
    )
