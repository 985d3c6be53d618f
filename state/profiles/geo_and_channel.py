"""Usual places, countries and channels of a user, as of a payment's event time.

Payments are counted per key (``state.profiles.frequency_table``), so the usual key follows from exact counts and not
from the order of arrival. The payments within the lateness are stored individually as well: the payments that are newer
than a late one are subtracted for it.

Places are counted in cells of one degree. The usual place is the mean of the payments in the most frequent cell.

Memory is bounded. The payments of a replaced key cannot be subtracted, and beyond ``MAX_RECENT`` payments within the
lateness the oldest are treated as older than any late payment: the counts for a late payment are then too low.
"""

from __future__ import annotations

import math

from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.types import Floats, Words
from state.profiles import frequency_table
from state.profiles.frequency_table import CELL, CHANNEL, COUNTRY

MAX_RECENT = 64
"""Maximum number of payments stored individually."""
ABSENT = -(2**63)
"""Key or coordinate of a payment without place, country or channel; no name has this key."""

CELL_SIDE = 1_000_000
"""Side of a cell in millionths of a degree."""
_CELLS_PER_ROW = 1_000  # above the number of cells around the Earth

TIME, LATITUDE, LONGITUDE, COUNTRY_KEY, CHANNEL_KEY = range(5)
"""Columns of the recent payments, in order of time."""
COLUMNS = 5

(
    LAST_TIME,
    LAST_LATITUDE,
    LAST_LONGITUDE,
    USUAL_LATITUDE,
    USUAL_LONGITUDE,
    FOREIGN,
    COUNTRY_COUNT,
    LOCATED,
    CHANNEL_COUNT,
    CHANNELLED,
) = range(10)
"""Outputs of ``lookup``: time and place of the last payment with a place; usual place (millionths of a degree); 1 if
the country is not the most frequent one, else 0; number of payments in this country; with a country; through this
channel; with a channel. NaN where unknown."""
OUT_WIDTH = 10


@compiled
def cell_of(latitude: int, longitude: int) -> int:
    """Return the number of the cell of one degree that contains a place."""
    return latitude // CELL_SIDE * _CELLS_PER_ROW + longitude // CELL_SIDE


@compiled
def lookup(
    frequencies: Words,
    count: int,
    recent: Words,
    recent_count: int,
    time: int,
    country: int,
    channel: int,
    out: Floats,
) -> None:
    """Look up the usual place, country and channel at the time of a payment, from the payments up to that time.

    Args:
        frequencies: frequency table, (``frequency_table.COLUMNS``, capacity).
        count: number of its rows.
        recent: recent payments, (``COLUMNS``, capacity).
        recent_count: number of recent payments.
        time: event time, ms.
        country: key of the payment's country, or ``ABSENT``.
        channel: key of its channel, or ``ABSENT``.
        out: (OUT_WIDTH,), written.
    """
    newer = first_after(recent[TIME], recent_count, time)
    _lookup_last_place(recent, newer, out)
    _lookup_usual_place(frequencies, count, recent, newer, recent_count, out)
    home, with_country, in_country = _most_frequent(
        frequencies, count, COUNTRY, recent[COUNTRY_KEY], newer, recent_count, country
    )
    _, with_channel, in_channel = _most_frequent(
        frequencies, count, CHANNEL, recent[CHANNEL_KEY], newer, recent_count, channel
    )
    out[FOREIGN:] = math.nan
    if country != ABSENT:
        out[COUNTRY_COUNT], out[LOCATED] = in_country, with_country
        if with_country:
            out[FOREIGN] = country != home
    if channel != ABSENT:
        out[CHANNEL_COUNT], out[CHANNELLED] = in_channel, with_channel


@compiled
def _lookup_last_place(recent: Words, newer: int, out: Floats) -> None:
    out[LAST_TIME] = out[LAST_LATITUDE] = out[LAST_LONGITUDE] = math.nan
    for row in range(newer - 1, -1, -1):
        if recent[LATITUDE, row] != ABSENT:
            out[LAST_TIME] = recent[TIME, row]
            out[LAST_LATITUDE], out[LAST_LONGITUDE] = recent[LATITUDE, row], recent[LONGITUDE, row]
            return


@compiled
def _lookup_usual_place(
    frequencies: Words, count: int, recent: Words, newer: int, recent_count: int, out: Floats
) -> None:
    """Write the mean place of the most frequent cell; of equally frequent ones, that of the largest key."""
    out[USUAL_LATITUDE] = out[USUAL_LONGITUDE] = math.nan
    most, fullest = 0, -1
    for row in range(count):
        if frequencies[frequency_table.KIND, row] != CELL:
            continue
        payments, latitudes, longitudes = (
            frequencies[frequency_table.COUNT, row],
            frequencies[frequency_table.LATITUDE_SUM, row],
            frequencies[frequency_table.LONGITUDE_SUM, row],
        )
        for later in range(newer, recent_count):
            latitude, longitude = recent[LATITUDE, later], recent[LONGITUDE, later]
            if latitude != ABSENT and cell_of(latitude, longitude) == frequencies[frequency_table.KEY, row]:
                payments, latitudes, longitudes = payments - 1, latitudes - latitude, longitudes - longitude
        if payments > 0 and (
            payments > most
            or (payments == most and frequencies[frequency_table.KEY, row] > frequencies[frequency_table.KEY, fullest])
        ):
            most, fullest = payments, row
            out[USUAL_LATITUDE], out[USUAL_LONGITUDE] = latitudes / payments, longitudes / payments


@compiled
def _most_frequent(
    frequencies: Words, count: int, kind: int, keys: Words, newer: int, recent_count: int, wanted_key: int
) -> tuple[int, int, int]:
    """Return the most frequent key of a kind, the number of payments of all keys, and that of the wanted key."""
    most, best, total, wanted_count = 0, ABSENT, 0, 0
    for row in range(count):
        if frequencies[frequency_table.KIND, row] != kind:
            continue
        key, payments = frequencies[frequency_table.KEY, row], frequencies[frequency_table.COUNT, row]
        for later in range(newer, recent_count):
            payments -= keys[later] == key
        payments = max(payments, 0)
        total += payments
        if key == wanted_key:
            wanted_count = payments
        if payments > most or (payments == most and payments and key > best):
            most, best = payments, key
    return best, total, wanted_count


@compiled
def update(
    frequencies: Words,
    count: int,
    recent: Words,
    recent_count: int,
    time: int,
    latitude: int,
    longitude: int,
    country: int,
    channel: int,
    lateness: int,
) -> tuple[int, int]:
    """Add a payment. Requires capacity for 3 more rows of the table and one more recent payment.

    Args:
        frequencies: frequency table, (``frequency_table.COLUMNS``, capacity).
        count: number of its rows.
        recent: recent payments, (``COLUMNS``, capacity).
        recent_count: number of recent payments.
        time: event time, ms.
        latitude: millionths of a degree, or ``ABSENT``.
        longitude: millionths of a degree, or ``ABSENT``.
        country: key, or ``ABSENT``.
        channel: key, or ``ABSENT``.
        lateness: delay up to which a late payment is looked up exactly, ms.

    Returns:
        Number of rows of the table, and of recent payments.
    """
    if latitude == ABSENT and country == ABSENT and channel == ABSENT:
        return count, recent_count
    if latitude != ABSENT:
        row, count = frequency_table.update(frequencies, count, CELL, cell_of(latitude, longitude))
        frequencies[frequency_table.LATITUDE_SUM, row] += latitude
        frequencies[frequency_table.LONGITUDE_SUM, row] += longitude
    if country != ABSENT:
        _, count = frequency_table.update(frequencies, count, COUNTRY, country)
    if channel != ABSENT:
        _, count = frequency_table.update(frequencies, count, CHANNEL, channel)
    row = first_after(recent[TIME], recent_count, time)
    for column in range(COLUMNS):
        for i in range(recent_count, row, -1):
            recent[column, i] = recent[column, i - 1]
    recent[TIME, row], recent[LATITUDE, row], recent[LONGITUDE, row] = time, latitude, longitude
    recent[COUNTRY_KEY, row], recent[CHANNEL_KEY, row] = country, channel
    return count, _evict(recent, recent_count + 1, lateness)


@compiled
def _evict(recent: Words, recent_count: int, lateness: int) -> int:
    """Evict payments beyond the lateness, except the last one with a place; return the number of recent payments."""
    old = max(
        first_after(recent[TIME], recent_count, recent[TIME, recent_count - 1] - lateness), recent_count - MAX_RECENT
    )
    if old <= 0:
        return recent_count
    retained = 0
    for row in range(old - 1, -1, -1):
        if recent[LATITUDE, row] != ABSENT:
            retained = 1
            for column in range(COLUMNS):
                recent[column, 0] = recent[column, row]
            break
    for column in range(COLUMNS):
        for row in range(old, recent_count):
            recent[column, retained + row - old] = recent[column, row]
    return retained + recent_count - old
