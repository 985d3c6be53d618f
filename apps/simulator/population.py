"""The simulated population: users and merchants with their habits, drawn once from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from state.kernel.times import DAY_MS


class City(NamedTuple):
    """A city; latitude and longitude in degrees."""

    name: str
    country: str
    latitude: float
    longitude: float


HOME_CITIES = (
    City("Berlin", "DE", 52.52, 13.40),
    City("Munich", "DE", 48.14, 11.58),
    City("Paris", "FR", 48.86, 2.35),
    City("Madrid", "ES", 40.42, -3.70),
    City("Milan", "IT", 45.46, 9.19),
    City("Vienna", "AT", 48.21, 16.37),
    City("London", "GB", 51.51, -0.13),
    City("Warsaw", "PL", 52.23, 21.01),
)
FAR_CITIES = (
    City("Lagos", "NG", 6.52, 3.38),
    City("Manila", "PH", 14.60, 120.98),
    City("Sao Paulo", "BR", -23.55, -46.63),
    City("Jakarta", "ID", -6.21, 106.85),
    City("Bangkok", "TH", 13.76, 100.50),
)


class Category(NamedTuple):
    """A merchant category.

    Attributes:
        name: as in the records.
        payment_share: approximate share of all payments.
        amount_factor: typical amount, as a multiple of the user's usual amount.
        online_share: share of its merchants that sell online only.
    """

    name: str
    payment_share: float
    amount_factor: float
    online_share: float


CATEGORIES = (
    Category("grocery", 0.22, 0.8, 0.05),
    Category("restaurant", 0.18, 0.7, 0.05),
    Category("transport", 0.12, 0.35, 0.3),
    Category("clothing", 0.12, 1.6, 0.4),
    Category("electronics", 0.08, 4.0, 0.6),
    Category("travel", 0.06, 5.0, 0.8),
    Category("digital", 0.12, 0.36, 1.0),
    Category("health", 0.06, 1.0, 0.1),
    Category("gifts", 0.04, 1.2, 0.7),
)

# Relative activity in each hour of the day (UTC), for each type of user.
_DAY = np.array([1, 0.5, 0.3, 0.3, 0.5, 1, 3, 5, 6, 7, 8, 9, 11, 9, 8, 8, 9, 11, 12, 11, 8, 6, 4, 2.0])
_EVENING = np.array([3, 2, 1, 0.5, 0.3, 0.3, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 10, 13, 14, 13, 11, 8, 5.0])
_NIGHT = np.array([9, 8, 7, 6, 4, 2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12, 11.0])
HOURLY_ACTIVITY = np.stack([curve / curve.sum() for curve in (_DAY, _EVENING, _NIGHT)])
ACTIVITY_TYPE_SHARES = np.array([0.68, 0.28, 0.04])

FAVORITES = 8
"""Number of merchants at which a user makes most payments."""

OPTIONAL_FIELDS = ("category", "location", "card", "device", "account")
"""Fields of a transaction that some merchants do not send."""
_OMITS_FIELD, _OMITS_ALL = 0.04, 0.03


@dataclass(frozen=True)
class Population:
    """Users and merchants by number; arrays have one entry for each user or each merchant.

    Attributes:
        home: home city of each user, as an index into ``HOME_CITIES``.
        activity_type: activity type of each user, as a row of ``HOURLY_ACTIVITY``.
        log_amount: mean logarithm of each user's amounts.
        favorites: (users, FAVORITES) numbers of each user's usual merchants.
        credit_limit: credit limit of each user, currency units.
        created_at: opening time of each user's account, epoch milliseconds.
        by_activity_type: for each activity type, its users and their cumulative share of its payments.
        category: category of each merchant, as an index into ``CATEGORIES``.
        online: whether each merchant sells online only.
        popularity: cumulative share of payments, by merchant.
        omits: (merchants, len(OPTIONAL_FIELDS)) whether a merchant omits a field.
    """

    home: NDArray[np.int64]
    activity_type: NDArray[np.int64]
    log_amount: NDArray[np.float64]
    favorites: NDArray[np.int64]
    credit_limit: NDArray[np.float64]
    created_at: NDArray[np.int64]
    by_activity_type: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]
    category: NDArray[np.int64]
    online: NDArray[np.bool_]
    popularity: NDArray[np.float64]
    omits: NDArray[np.bool_]

    @property
    def users(self) -> int:
        return len(self.home)

    @property
    def merchants(self) -> int:
        return len(self.category)


def draw_population(rng: np.random.Generator, users: int, merchants: int, now_ms: int) -> Population:
    """Draw a population as of a point in time.

    Args:
        rng: random generator; the same state gives the same population.
        users: number of users.
        merchants: number of merchants.
        now_ms: epoch milliseconds; every account is at least 90 days older.
    """
    popularity = rng.pareto(1.5, merchants) + 0.2  # a few merchants are large
    category = _categories(popularity)
    online = rng.random(merchants) < np.array([each.online_share for each in CATEGORIES])[category]
    activity_type = rng.choice(len(HOURLY_ACTIVITY), users, p=ACTIVITY_TYPE_SHARES)
    activity = rng.lognormal(0.0, 0.7, users)
    log_amount = rng.normal(3.75, 0.45, users)  # median amount about 43
    cumulative = np.cumsum(popularity)
    cumulative /= cumulative[-1]
    return Population(
        home=rng.integers(0, len(HOME_CITIES), users),
        activity_type=activity_type,
        log_amount=log_amount,
        favorites=np.searchsorted(cumulative, rng.random((users, FAVORITES))),
        credit_limit=np.round(np.exp(log_amount) * rng.uniform(60, 200, users), -2) + 500,
        created_at=now_ms - rng.integers(90 * DAY_MS, 3_000 * DAY_MS, users),
        by_activity_type=tuple(
            _weighted(np.flatnonzero(activity_type == kind), activity) for kind in range(len(HOURLY_ACTIVITY))
        ),
        category=category,
        online=online,
        popularity=cumulative,
        omits=(rng.random((merchants, len(OPTIONAL_FIELDS))) < _OMITS_FIELD)
        | (rng.random((merchants, 1)) < _OMITS_ALL),
    )


def _categories(popularity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Assign a category to each merchant: from the largest down, the category that is furthest below its share.

    Drawn at random, the categories of the few large merchants would decide the distribution of amounts, and the fraud
    rate among small amounts would depend on the seed.
    """
    shares = np.array([category.payment_share for category in CATEGORIES])
    shares /= shares.sum()
    category = np.empty(len(popularity), np.int64)
    assigned, total = np.zeros(len(CATEGORIES)), 0.0
    for merchant in np.argsort(-popularity):
        total += popularity[merchant]
        kind = int(np.argmax(shares * total - assigned))
        assigned[kind] += popularity[merchant]
        category[merchant] = kind
    return category


def _weighted(
    members: NDArray[np.int64], activity: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Users of one activity type, and their cumulative share of its payments."""
    if not len(members):
        return members, np.empty(0)
    cumulative = np.cumsum(activity[members])
    return members, cumulative / cumulative[-1]
