"""Where and how a user usually pays: places, countries, channels.

Each is counted, so that what is usual follows from whole numbers and not from the order in which payments came. The
payments of the last hour or so are kept beside the counts: for one that comes late, the newer ones are taken off again.

Places are counted in cells of one degree; the usual place is the centre of what was paid in the fullest cell. Memory is
bounded: beyond ``CELLS_KNOWN``, ``COUNTRIES_KNOWN`` and ``CHANNELS_KNOWN`` the least used are forgotten, and beyond
``RECENT_KEPT`` payments within the lateness the oldest are taken for older than any late one. What was forgotten cannot
be taken off again: a late payment is then told of too few, at worst of none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

K = TypeVar("K", int, str)
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

    __slots__ = ("_channelled", "_home", "_located", "_top", "cells", "channels", "countries", "lateness", "recent")

    def __init__(self, lateness: int) -> None:
        self.lateness = lateness
        self.cells: dict[int, list[int]] = {}
        self.countries: dict[str, int] = {}
        self.channels: dict[str, int] = {}
        self.recent: list[Passed] = []
        # What is usual is kept and not looked for: counts only grow, so only the one that grew can become the largest.
        self._top: int | None = None
        self._home: str | None = None
        self._located = self._channelled = 0

    def before(self, time: int, country: str | None, channel: str | None) -> Before:
        """What was before a payment that comes now, in order or late."""
        recent = self.recent
        if recent and time < recent[-1][0]:
            return self._before_late(time, country, channel)
        usual = None
        if self._top is not None:
            count, latitudes, longitudes = self.cells[self._top]
            usual = (latitudes / count, longitudes / count)
        return Before(
            _last_place(recent, len(recent)),
            usual,
            self._home,
            self.countries.get(country, 0) if country is not None else 0,
            self._located,
            self.channels.get(channel, 0) if channel is not None else 0,
            self._channelled,
        )

    def _before_late(self, time: int, country: str | None, channel: str | None) -> Before:
        """The same, with what is newer taken off."""
        at = bisect_right(self.recent, time, key=_time)
        cells, countries, channels = dict(self.cells), dict(self.countries), dict(self.channels)
        for newer in self.recent[at:]:
            _take_off(cells, countries, channels, newer)
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
        latitude, longitude, country = place
        if latitude is not None and longitude is not None:
            self._learn_place(latitude, longitude)
        if country is not None:
            self._learn_country(country)
        if channel is not None:
            self._channelled += 1
            self.channels[channel] = self.channels.get(channel, 0) + 1
            if len(self.channels) > CHANNELS_KNOWN:
                self._channelled -= _forget_least(self.channels, int)
        self._remember(Passed(time, latitude, longitude, country, channel))

    def _learn_place(self, latitude: int, longitude: int) -> None:
        cell, cells = _cell(latitude, longitude), self.cells
        counted = cells.get(cell)
        if counted is None:
            cells[cell] = counted = [0, 0, 0]
            if len(cells) > CELLS_KNOWN:
                _forget_least(cells, _weight_of_cell)
        counted[0] += 1
        counted[1] += latitude
        counted[2] += longitude
        top = self._top
        if top is None or (counted[0], cell) > (cells[top][0], top):
            self._top = cell

    def _learn_country(self, country: str) -> None:
        countries = self.countries
        self._located += 1
        countries[country] = count = countries.get(country, 0) + 1
        if len(countries) > COUNTRIES_KNOWN:
            self._located -= _forget_least(countries, int)
        home = self._home
        if home is None or (count, country) > (countries[home], home):
            self._home = country

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
            made._top = max(made.cells, key=lambda cell: (made.cells[cell][0], cell), default=None)
            made._home = _most(made.countries)
            made._located, made._channelled = sum(made.countries.values()), sum(made.channels.values())
        return made


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[dict[int, list[int]], dict[str, int], dict[str, int], list[Passed]]).decode


def _time(passed: Passed) -> int:
    return passed.time


def _take_off(cells: dict[int, list[int]], countries: dict[str, int], channels: dict[str, int], newer: Passed) -> None:
    """The opposite of ``learn``, without memory of what was forgotten; what has no count any more is gone."""
    _, latitude, longitude, country, channel = newer
    if latitude is not None and longitude is not None:
        cell = _cell(latitude, longitude)
        counted = cells.get(cell)
        if counted is not None:
            count, latitudes, longitudes = counted
            cells[cell] = [count - 1, latitudes - latitude, longitudes - longitude]
            if count == 1:
                del cells[cell]
    _take_off_one(countries, country)
    _take_off_one(channels, channel)


def _take_off_one(counts: dict[str, int], name: str | None) -> None:
    count = counts.pop(name, 0) if name is not None else 0
    if name is not None and count > 1:
        counts[name] = count - 1


def _cell(latitude: int, longitude: int) -> int:
    return latitude // CELL * _ROW + longitude // CELL


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
    return latitudes / count, longitudes / count


def _fullest(entry: tuple[int, list[int]]) -> tuple[int, int]:
    return entry[1][0], entry[0]


def _most(counts: dict[str, int]) -> str | None:
    if not counts:
        return None
    return max(counts, key=lambda each: (counts[each], each))


def _weight_of_cell(counted: list[int]) -> int:
    return counted[0]


def _forget_least(table: dict[K, V], weight: Callable[[V], int]) -> int:
    """Forget the least counted, but not the last, which is new; tell its count.

    Of equals it is the smallest key, as the largest is the usual one: that one must never go.
    """
    known = list(table)[:-1]
    count, least = min((weight(table[key]), key) for key in known)
    del table[least]
    return count
