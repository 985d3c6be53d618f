"""Ordinary payments: users by their habits, merchants by their popularity, drawn in blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apps.simulator.drafts import Payment
from apps.simulator.population import (
    CATEGORIES,
    FAR_CITIES,
    FAVOURITES,
    HABIT_SHARES,
    HABITS,
    HOME_CITIES,
    Population,
)

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
_TYPICAL = np.array([category.typical for category in CATEGORIES])
_FAVOURITE_SHARE = 0.75
_DECLINED_SHARE = 0.02
_OTHER_DEVICE, _NEW_DEVICE = 0.08, 0.005
_ABROAD_EVERY = 60
_ABROAD = (*HOME_CITIES, *FAR_CITIES)
_SPREAD = 0.75  # of the logarithm of an amount


def busyness(hour: int) -> float:
    """Traffic of an hour of the day (UTC) beside an average hour."""
    return float(HABIT_SHARES @ HABITS[:, hour]) * 24


def ordinary_payments(rng: np.random.Generator, people: Population, times: NDArray[np.int64]) -> list[Payment]:
    """A payment at each of the times (epoch milliseconds, all within about an hour)."""
    users = users_awake(rng, people, int(times[0]) // HOUR_MS % 24, len(times))
    return payments_of(rng, people, users, times)


def payments_of(
    rng: np.random.Generator, people: Population, users: NDArray[np.int64], times: NDArray[np.int64]
) -> list[Payment]:
    """An ordinary payment of each of the users, at each of the times."""
    count = len(times)
    any_merchant = np.searchsorted(people.popularity, rng.random(count))
    favourite = people.favourites[users, rng.integers(0, FAVOURITES, count)]
    merchants = np.where(rng.random(count) < _FAVOURITE_SHARE, favourite, any_merchant)
    logs = people.log_amount[users] + rng.normal(0.0, _SPREAD, count)
    amounts = np.maximum(np.round(np.exp(logs) * _TYPICAL[people.category[merchants]], 2), 0.5)
    declined = rng.random(count) < _DECLINED_SHARE
    payments = [
        Payment(time, user, merchant, amount, None, refused)
        for time, user, merchant, amount, refused in zip(
            times.tolist(), users.tolist(), merchants.tolist(), amounts.tolist(), declined.tolist(), strict=True
        )
    ]
    _change_devices(payments, rng.random(count))
    _travel(payments, users)
    return payments


def _change_devices(payments: list[Payment], chance: NDArray[np.float64]) -> None:
    """Some payments come from the user's other device, and a few from one never seen: a new phone, a friend's."""
    for row in np.flatnonzero(chance < _OTHER_DEVICE + _NEW_DEVICE).tolist():
        payment = payments[row]
        other = "b" if chance[row] < _OTHER_DEVICE else f"{payment.time:x}"
        payment.device = f"dev-{payment.user}-{other}"


def _travel(payments: list[Payment], users: NDArray[np.int64]) -> None:
    """Every so many-th user is abroad in a week, and pays there: each week others."""
    week = payments[0].time // WEEK_MS
    for row in np.flatnonzero((users + 7 * week) % _ABROAD_EVERY == 0).tolist():
        payment = payments[row]
        payment.city = _ABROAD[(payment.user // _ABROAD_EVERY + week) % len(_ABROAD)]


def users_awake(rng: np.random.Generator, people: Population, hour: int, count: int) -> NDArray[np.int64]:
    """Users who are up at that hour."""
    sizes = np.array([len(members) for members, _ in people.by_habit])
    weights = HABITS[:, hour] * sizes
    of_habit = rng.choice(len(weights), count, p=weights / weights.sum())
    chance = rng.random(count)
    users = np.empty(count, np.int64)
    for kind, (members, cumulated) in enumerate(people.by_habit):
        chosen = of_habit == kind
        users[chosen] = members[np.searchsorted(cumulated, chance[chosen])]
    return users
