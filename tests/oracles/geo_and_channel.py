"""Oracle of usual places, countries and channels: it keeps every payment and looks at all of them."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

CELL = 1_000_000


class Known(NamedTuple):
    """Usual place, country and channel at the time of a payment; places in millionths of a degree, None if unknown.

    Attributes:
        last: time, latitude and longitude of the last payment with a place.
        usual: latitude and longitude of the usual place.
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


NOTHING = Known(None, None, None, 0, 0, 0, 0)


class GeoPayment(NamedTuple):
    """A payment: epoch ms; place in millionths of a degree, country and channel, each or None."""

    time: int
    place: tuple[int, int] | None
    country: str | None
    channel: str | None


def known_before(arrived: list[GeoPayment], payment: GeoPayment) -> Known:
    """Compute the result for a payment from earlier arrivals that are not newer, the first of equal times first."""
    earlier = [other for other in arrived if other.time <= payment.time]
    located = sorted((other for other in earlier if other.place), key=lambda other: other.time)
    countries = Counter(other.country for other in earlier if other.country)
    channels = Counter(other.channel for other in earlier if other.channel)
    last = located[-1] if located else None
    return Known(
        last=(last.time, *last.place) if last and last.place else None,
        usual=usual_place([other.place for other in located if other.place]),
        home=max(countries, key=lambda country: (countries[country], country), default=None),
        country_count=countries[payment.country] if payment.country else 0,
        located=countries.total(),
        channel_count=channels[payment.channel] if payment.channel else 0,
        channelled=channels.total(),
    )


def usual_place(places: list[tuple[int, int]]) -> tuple[float, float] | None:
    """Compute the mean place in the most frequent one-degree cell, of equal ones the most northern, then eastern."""
    if not places:
        return None
    cells = Counter(map(cell, places))
    fullest = max(cells, key=lambda one: (cells[one], one))
    inside = [place for place in places if cell(place) == fullest]
    return sum(latitude for latitude, _ in inside) / len(inside), sum(east for _, east in inside) / len(inside)


def cell(place: tuple[int, int]) -> tuple[int, int]:
    """Return the whole degrees of a place, rounded to the south-west."""
    return place[0] // CELL, place[1] // CELL
