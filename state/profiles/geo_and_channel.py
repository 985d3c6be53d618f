"""Where and how somebody usually pays: places, countries, channels, as far as they were before a payment.

Each is counted (``state.profiles.frequency_table``), so that what is usual follows from whole numbers and not from the order in which
payments came. The payments of the last hour or so are kept beside the counts: for one that comes late, the newer ones
are taken off again.

Places are counted in cells of one degree; the usual place is the centre of what was paid in the fullest cell. Memory is
bounded: what was forgotten cannot be taken off again, and beyond ``RECENT_KEPT`` payments within the lateness the
oldest are taken for older than any late one; a late payment is then told of too few, at worst of none.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.profiles import frequency_table
from state.profiles.frequency_table import CELL, CHANNEL, COUNTRY
from state.windowing.raw_events import Words

RECENT_KEPT = 64
ABSENT = -(2**63)
"""Where a payment has no place, no country or no channel. No text that says something has this code."""

CELL_SIDE = 1_000_000
"""Side of a cell in the millionths of a degree that places are counted in."""
_ROW = 1_000  # more than there are cells around the Earth

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
"""What is told of before a payment: the last payment with a place, where it was; the usual place (millionths of a
degree); 1 if the country is not that of most payments, else 0; payments in this country; with a country; through this
channel; with a channel. NaN where there is nothing to tell."""
OUT_WIDTH = 10


@compiled
def cell_of(latitude: int, longitude: int) -> int:
    """The number of the cell of one degree that a place lies in."""
    return latitude // CELL_SIDE * _ROW + longitude // CELL_SIDE


@compiled
def lookup(
    table: Words,
    count: int,
    recent: Words,
    recents: int,
    time: int,
    country: int,
    channel: int,
    told: npt.NDArray[np.float64],
) -> None:
    """Tell what was before a payment that comes now, in order or late.

    Args:
        table: (``known.COLUMNS``, room).
        count: rows of it.
        recent: (``COLUMNS``, room).
        recents: rows of it.
        time: of the payment, ms.
        country: key of the payment's, or ``ABSENT``.
        channel: likewise.
        told: (TOLD,), written.
    """
    newer = first_after(recent[TIME], recents, time)
    _tell_last_place(recent, newer, told)
    _tell_usual_place(table, count, recent, newer, recents, told)
    home, located, in_country = _most(table, count, COUNTRY, recent[COUNTRY_KEY], newer, recents, country)
    _, channelled, through = _most(table, count, CHANNEL, recent[CHANNEL_KEY], newer, recents, channel)
    told[FOREIGN:] = math.nan
    if country != ABSENT:
        told[COUNTRY_COUNT], told[LOCATED] = in_country, located
        if located:
            told[FOREIGN] = country != home
    if channel != ABSENT:
        told[CHANNEL_COUNT], told[CHANNELLED] = through, channelled


@compiled
def _tell_last_place(recent: Words, newer: int, told: npt.NDArray[np.float64]) -> None:
    told[LAST_TIME] = told[LAST_LATITUDE] = told[LAST_LONGITUDE] = math.nan
    for row in range(newer - 1, -1, -1):
        if recent[LATITUDE, row] != ABSENT:
            told[LAST_TIME] = recent[TIME, row]
            told[LAST_LATITUDE], told[LAST_LONGITUDE] = recent[LATITUDE, row], recent[LONGITUDE, row]
            return


@compiled
def _tell_usual_place(
    table: Words, count: int, recent: Words, newer: int, recents: int, told: npt.NDArray[np.float64]
) -> None:
    """The centre of the fullest cell; of equally full ones always the same, whichever was first."""
    told[USUAL_LATITUDE] = told[USUAL_LONGITUDE] = math.nan
    most, fullest = 0, -1
    for row in range(count):
        if table[frequency_table.KIND, row] != CELL:
            continue
        payments, latitudes, longitudes = (
            table[frequency_table.COUNT, row],
            table[frequency_table.EXTRA, row],
            table[frequency_table.MORE, row],
        )
        for other in range(newer, recents):
            latitude, longitude = recent[LATITUDE, other], recent[LONGITUDE, other]
            if latitude != ABSENT and cell_of(latitude, longitude) == table[frequency_table.KEY, row]:
                payments, latitudes, longitudes = payments - 1, latitudes - latitude, longitudes - longitude
        if payments > 0 and (
            payments > most
            or (payments == most and table[frequency_table.KEY, row] > table[frequency_table.KEY, fullest])
        ):
            most, fullest = payments, row
            told[USUAL_LATITUDE], told[USUAL_LONGITUDE] = latitudes / payments, longitudes / payments


@compiled
def _most(
    table: Words, count: int, kind: int, keys: Words, newer: int, recents: int, asked: int
) -> tuple[int, int, int]:
    """The key of a kind with the most payments, how many all have, and how many a key that is asked for has."""
    most, best, located, of_asked = 0, ABSENT, 0, 0
    for row in range(count):
        if table[frequency_table.KIND, row] != kind:
            continue
        key, payments = table[frequency_table.KEY, row], table[frequency_table.COUNT, row]
        for other in range(newer, recents):
            payments -= keys[other] == key
        payments = max(payments, 0)
        located += payments
        if key == asked:
            of_asked = payments
        if payments > most or (payments == most and payments and key > best):
            most, best = payments, key
    return best, located, of_asked


@compiled
def update(
    table: Words,
    count: int,
    recent: Words,
    recents: int,
    time: int,
    latitude: int,
    longitude: int,
    country: int,
    channel: int,
    lateness: int,
) -> tuple[int, int]:
    """Take a payment; rows of the table and recent payments afterwards. There must be room for 3 and 1 more.

    Args:
        table: (``known.COLUMNS``, room).
        count: rows of it.
        recent: (``COLUMNS``, room).
        recents: rows of it.
        time: of the payment, ms.
        latitude: millionths of a degree, or ``ABSENT``.
        longitude: likewise.
        country: key, or ``ABSENT``.
        channel: likewise.
        lateness: how late a payment may come and still be told exactly what was before it, ms.
    """
    if latitude == ABSENT and country == ABSENT and channel == ABSENT:
        return count, recents
    if latitude != ABSENT:
        row, count = frequency_table.update(table, count, CELL, cell_of(latitude, longitude))
        table[frequency_table.EXTRA, row] += latitude
        table[frequency_table.MORE, row] += longitude
    if country != ABSENT:
        _, count = frequency_table.update(table, count, COUNTRY, country)
    if channel != ABSENT:
        _, count = frequency_table.update(table, count, CHANNEL, channel)
    row = first_after(recent[TIME], recents, time)
    for column in range(COLUMNS):
        for i in range(recents, row, -1):
            recent[column, i] = recent[column, i - 1]
    recent[TIME, row], recent[LATITUDE, row], recent[LONGITUDE, row] = time, latitude, longitude
    recent[COUNTRY_KEY, row], recent[CHANNEL_KEY, row] = country, channel
    return count, _forget(recent, recents + 1, lateness)


@compiled
def _forget(recent: Words, recents: int, lateness: int) -> int:
    """Of what is older than any late payment, keep the last place: there somebody was last seen."""
    old = max(first_after(recent[TIME], recents, recent[TIME, recents - 1] - lateness), recents - RECENT_KEPT)
    if old <= 0:
        return recents
    kept = 0
    for row in range(old - 1, -1, -1):
        if recent[LATITUDE, row] != ABSENT:
            kept = 1
            for column in range(COLUMNS):
                recent[column, 0] = recent[column, row]
            break
    for column in range(COLUMNS):
        for row in range(old, recents):
            recent[column, kept + row - old] = recent[column, row]
    return kept + recents - old
