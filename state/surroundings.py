"""Where and how a user usually pays: places, countries, channels.

Each is counted, so that what is usual follows from whole numbers and not from the order in which payments came. The
payments of the last hour or so are kept beside the counts: for one that comes late, the newer ones are taken off again.

Places are counted in cells of one degree; the usual place is the centre of what was paid in the fullest cell. Memory is
bounded: beyond ``CELLS_KNOWN``, ``COUNTRIES_KNOWN`` and ``CHANNELS_KNOWN`` the least used are forgotten, and beyond
``RECENT_KEPT`` payments within the lateness the oldest are taken for older than any late one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

CELLS_KNOWN = 32
COUNTRIES_KNOWN = 32
CHANNELS_KNOWN = 8
RECENT_KEPT = 64

CELL = 1_000_000
"""Side of a cell in the millionths of a degree that places are counted in."""
_ROW = 1_000  # more than there are cells around the Earth


class Place(NamedTuple):
    """Where a payment was made: millionths of a degree, or None; a country code, or None."""

    latitude: int | None
    longitude: int | None
    country: str | None


class Passed(NamedTuple):
    """A payment of the last hour: its time (epoch ms), its place, its channel."""

    time: int
    latitude: int | None
    longitude: int | None
    country: str | None
    channel: str | None


class Before(NamedTuple):
    """What was before a payment: places in millionths of a degree, None where there was none.

    Attributes:
        last: time, latitude and longitude of the last payment with a place.
        usual: latitude and longitude.
        home: country of most payments.
        country_count: payments in this payment's country.
        located: payments with a country.
        channel_count: payments through this payment's channel.
        channelled: payments with a channel.
    """

    last: tuple[int, int, int] | None
    usual: tuple[float, float] | None
    home: str | None
    country_count: int
    located: int
    channel_count: int
    channelled: int


class Surroundings:
    """Counts of one user.

    Args:
        lateness: how late a payment may come and still be told exactly what was before it, ms.

    Attributes:
        cells: by cell: payments, and the sums of their latitudes and longitudes.
        countries: payments by country.
        channels: payments by channel.
        recent: payments within the lateness, and the one with a place before them, in order of time.
    """

    __slots__ = ("_home", "_usual", "cells", "channels", "countries", "lateness", "recent")

    def __init__(self, lateness: int) -> None:
        self.lateness = lateness
        self.cells: dict[int, list[int]] = {}
        self.countries: dict[str, int] = {}
        self.channels: dict[str, int] = {}
        self.recent: list[Passed] = []
        self._usual: tuple[float, float] | None = None
        self._home: str | None = None

    def before(self, time: int, country: str | None, channel: str | None) -> Before:
        """What was before a payment that comes now, in order or late."""
        recent = self.recent
        if recent and time < recent[-1][0]:
            return self._before_late(time, country, channel)
        return Before(
            _last_place(recent, len(recent)),
            self._usual,
            self._home,
            self.countries.get(country, 0) if country is not None else 0,
            sum(self.countries.values()),
            self.channels.get(channel, 0) if channel is not None else 0,
            sum(self.channels.values()),
        )

    def _before_late(self, time: int, country: str | None, channel: str | None) -> Before:
        """The same, with what is newer taken off."""
        at = bisect_right(self.recent, time, key=_time)
        cells = {cell: list(counted) for cell, counted in self.cells.items()}
        countries, channels = dict(self.countries), dict(self.channels)
        for newer in self.recent[at:]:
            _count(cells, countries, channels, newer, -1)
        return Before(
            _last_place(self.recent, at),
            _usual(cells),
            _most(countries),
            countries.get(country, 0) if country is not None else 0,
            sum(countries.values()),
            channels.get(channel, 0) if channel is not None else 0,
            sum(channels.values()),
        )

    def learn(self, time: int, place: Place, channel: str | None) -> None:
        """Take a payment."""
        passed = Passed(time, *place, channel)
        _count(self.cells, self.countries, self.channels, passed, 1)
        if place.latitude is not None:
            _forget_least(self.cells, CELLS_KNOWN, _weight_of_cell)
            self._usual = _usual(self.cells)
        if place.country is not None:
            _forget_least(self.countries, COUNTRIES_KNOWN, int)
            self._home = _most(self.countries)
        _forget_least(self.channels, CHANNELS_KNOWN, int)
        self._remember(passed)

    def _remember(self, passed: Passed) -> None:
        recent = self.recent
        if not recent or passed.time >= recent[-1].time:
            recent.append(passed)
        else:
            recent.insert(bisect_right(recent, passed.time, key=_time), passed)
        horizon = recent[-1].time - self.lateness
        if recent[0].time >= horizon and len(recent) <= RECENT_KEPT:
            return
        old = max(bisect_right(recent, horizon, key=_time), len(recent) - RECENT_KEPT)
        # Of the older ones, the last with a place is still where the user was last seen.
        located = next((i for i in range(old - 1, -1, -1) if recent[i].latitude is not None), None)
        recent[:old] = [] if located is None else [recent[located]]

    def pack(self) -> bytes:
        """Some 20 bytes a cell, and as many for each recent payment."""
        return _encode((self.cells, self.countries, self.channels, self.recent))

    @classmethod
    def unpack(cls, lateness: int, data: bytes) -> Surroundings:
        """What ``pack`` packed; nothing known where there are no bytes."""
        made = cls(lateness)
        if data:
            made.cells, made.countries, made.channels, made.recent = _decode(data)
            made._usual, made._home = _usual(made.cells), _most(made.countries)
        return made


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[dict[int, list[int]], dict[str, int], dict[str, int], list[Passed]]).decode


def _time(passed: Passed) -> int:
    return passed.time


def _count(
    cells: dict[int, list[int]], countries: dict[str, int], channels: dict[str, int], passed: Passed, sign: int
) -> None:
    _, latitude, longitude, country, channel = passed
    if latitude is not None and longitude is not None:
        cell = latitude // CELL * _ROW + longitude // CELL
        counted = cells.setdefault(cell, [0, 0, 0])
        counted[0] += sign
        counted[1] += sign * latitude
        counted[2] += sign * longitude
    if country is not None:
        countries[country] = countries.get(country, 0) + sign
    if channel is not None:
        channels[channel] = channels.get(channel, 0) + sign


def _last_place(recent: list[Passed], end: int) -> tuple[int, int, int] | None:
    for i in range(end - 1, -1, -1):
        time, latitude, longitude, _, _ = recent[i]
        if latitude is not None and longitude is not None:
            return time, latitude, longitude
    return None


def _usual(cells: dict[int, list[int]]) -> tuple[float, float] | None:
    if not cells:
        return None
    # Of equally full ones always the same, whichever was first.
    count, latitudes, longitudes = max(cells.items(), key=_fullest)[1]
    return (latitudes / count, longitudes / count) if count > 0 else None


def _fullest(entry: tuple[int, list[int]]) -> tuple[int, int]:
    return entry[1][0], entry[0]


def _most(counts: dict[str, int]) -> str | None:
    if not counts:
        return None
    name = max(counts, key=lambda each: (counts[each], each))
    return name if counts[name] > 0 else None


def _weight_of_cell(counted: list[int]) -> int:
    return counted[0]


def _forget_least(table: dict[K, V], capacity: int, weight: Callable[[V], int]) -> None:
    """Of too many, forget the least counted, and of those the one known longest; but not the last, which is new."""
    if len(table) > capacity:
        *known, _ = table
        del table[min(known, key=lambda key: weight(table[key]))]
