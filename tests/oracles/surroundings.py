"""The slow and obviously right account of where and how somebody paid: keep everything, look at everything."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

CELL = 1_000_000


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


class Seen(NamedTuple):
    """A payment: epoch ms; millionths of a degree or None; a country or None; a channel or None."""

    time: int
    place: tuple[int, int] | None
    country: str | None
    channel: str | None


def before(arrived: list[Seen], payment: Seen) -> Before:
    """What was before a payment in event time, of those that arrived before it; of equal times, what arrived first."""
    earlier = [other for other in arrived if other.time <= payment.time]
    located = sorted((other for other in earlier if other.place), key=lambda other: other.time)
    countries = Counter(other.country for other in earlier if other.country)
    channels = Counter(other.channel for other in earlier if other.channel)
    last = located[-1] if located else None
    return Before(
        last=(last.time, *last.place) if last and last.place else None,
        usual=usual([other.place for other in located if other.place]),
        home=max(countries, key=lambda country: (countries[country], country), default=None),
        country_count=countries[payment.country] if payment.country else 0,
        located=countries.total(),
        channel_count=channels[payment.channel] if payment.channel else 0,
        channelled=channels.total(),
    )


def usual(places: list[tuple[int, int]]) -> tuple[float, float] | None:
    """The mean of the places in the one-degree cell that holds most; of equal ones the most northern, most eastern."""
    if not places:
        return None
    cells = Counter(map(cell, places))
    fullest = max(cells, key=lambda one: (cells[one], one))
    inside = [place for place in places if cell(place) == fullest]
    return sum(latitude for latitude, _ in inside) / len(inside), sum(east for _, east in inside) / len(inside)


def cell(place: tuple[int, int]) -> tuple[int, int]:
    """The degrees that a place lies in, towards the south-west."""
    return place[0] // CELL, place[1] // CELL
