"""Legitimate payments: users by their habits, merchants by their popularity, drawn in blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apps.simulator.drafts import DraftPayment
from apps.simulator.population import (
    ACTIVITY_TYPE_SHARES,
    CATEGORIES,
    FAR_CITIES,
    FAVORITES,
    HOME_CITIES,
    HOURLY_ACTIVITY,
    Population,
)
from state.kernel.times import DAY_MS, HOUR_MS

_AMOUNT_FACTORS = np.array([category.amount_factor for category in CATEGORIES])
_FAVORITE_SHARE = 0.75
_DECLINED_SHARE = 0.02
_OTHER_DEVICE, _NEW_DEVICE = 0.08, 0.005
_ABROAD_EVERY = 60
_ABROAD = (*HOME_CITIES, *FAR_CITIES)
_LOG_AMOUNT_SD = 0.75


def relative_traffic(hour: int) -> float:
    """Traffic in an hour of the day (UTC), as a multiple of the average hour."""
    return float(ACTIVITY_TYPE_SHARES @ HOURLY_ACTIVITY[:, hour]) * 24


def ordinary_payments(rng: np.random.Generator, population: Population, times: NDArray[np.int64]) -> list[DraftPayment]:
    """Draw a payment at each time (epoch milliseconds, all in about the same hour), by users active in that hour."""
    users = draw_active_users(rng, population, int(times[0]) // HOUR_MS % 24, len(times))
    return payments_of_users(rng, population, users, times)


def payments_of_users(
    rng: np.random.Generator, population: Population, users: NDArray[np.int64], times: NDArray[np.int64]
) -> list[DraftPayment]:
    """Draw one payment of each user, at the time in the same position (epoch milliseconds)."""
    count = len(times)
    any_merchant = np.searchsorted(population.popularity, rng.random(count))
    favorite = population.favorites[users, rng.integers(0, FAVORITES, count)]
    merchants = np.where(rng.random(count) < _FAVORITE_SHARE, favorite, any_merchant)
    logs = population.log_amount[users] + rng.normal(0.0, _LOG_AMOUNT_SD, count)
    amounts = np.maximum(np.round(np.exp(logs) * _AMOUNT_FACTORS[population.category[merchants]], 2), 0.5)
    declined = rng.random(count) < _DECLINED_SHARE
    payments = [
        DraftPayment(time, user, merchant, amount, None, refused)
        for time, user, merchant, amount, refused in zip(
            times.tolist(), users.tolist(), merchants.tolist(), amounts.tolist(), declined.tolist(), strict=True
        )
    ]
    _change_devices(payments, rng.random(count))
    _travel(payments, users)
    return payments


def _change_devices(payments: list[DraftPayment], chance: NDArray[np.float64]) -> None:
    """Let some payments come from the user's second device, and a few from a device that was never seen before."""
    for row in np.flatnonzero(chance < _OTHER_DEVICE + _NEW_DEVICE).tolist():
        payment = payments[row]
        other = "b" if chance[row] < _OTHER_DEVICE else f"{payment.time:x}"
        payment.device = f"dev-{payment.user}-{other}"


def _travel(payments: list[DraftPayment], users: NDArray[np.int64]) -> None:
    """Let one user in ``_ABROAD_EVERY`` pay abroad; other users travel each week."""
    week = payments[0].time // (7 * DAY_MS)
    for row in np.flatnonzero((users + 7 * week) % _ABROAD_EVERY == 0).tolist():
        payment = payments[row]
        payment.city = _ABROAD[(payment.user // _ABROAD_EVERY + week) % len(_ABROAD)]


def draw_active_users(rng: np.random.Generator, population: Population, hour: int, count: int) -> NDArray[np.int64]:
    """Draw ``count`` users by their activity in an hour of the day (UTC)."""
    sizes = np.array([len(members) for members, _ in population.by_activity_type])
    weights = HOURLY_ACTIVITY[:, hour] * sizes
    activity_type = rng.choice(len(weights), count, p=weights / weights.sum())
    chance = rng.random(count)
    users = np.empty(count, np.int64)
    for kind, (members, cumulative) in enumerate(population.by_activity_type):
        chosen = activity_type == kind
        users[chosen] = members[np.searchsorted(cumulative, chance[chosen])]
    return users
