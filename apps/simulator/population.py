"""Who pays and who is paid: users and merchants with habits, drawn once from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000


class City(NamedTuple):
    """A place where people live; degrees."""

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
    """A kind of shop.

    Attributes:
        name: merchant category.
        share: of all payments, about.
        typical: amount as a multiple of what the user usually pays.
        online: share of merchants that sell online only.
    """

    name: str
    share: float
    typical: float
    online: float


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

# How busy each hour of the day is, by what kind of person one is (UTC).
_DAY = np.array([1, 0.5, 0.3, 0.3, 0.5, 1, 3, 5, 6, 7, 8, 9, 11, 9, 8, 8, 9, 11, 12, 11, 8, 6, 4, 2.0])
_EVENING = np.array([3, 2, 1, 0.5, 0.3, 0.3, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 10, 13, 14, 13, 11, 8, 5.0])
_NIGHT = np.array([9, 8, 7, 6, 4, 2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12, 11.0])
HABITS = np.stack([curve / curve.sum() for curve in (_DAY, _EVENING, _NIGHT)])
HABIT_SHARES = np.array([0.68, 0.28, 0.04])

FAVOURITES = 8
"""Merchants a user goes to most of the time."""

OPTIONAL_PARTS = ("category", "location", "card", "device", "account")
"""Parts of a payment's record that some merchants leave out."""
_LEFT_OUT, _ALL_LEFT_OUT = 0.04, 0.03


@dataclass(frozen=True)
class Population:
    """Users and merchants by number; arrays have one entry each.

    Attributes:
        home: city of each user, index into ``HOME_CITIES``.
        habit: row of ``HABITS`` each user follows.
        log_amount: mean of the logarithm of what a user pays.
        favourites: (users, FAVOURITES) merchants.
        credit_limit: of each user, currency units.
        created_at: when each account was opened, epoch milliseconds.
        by_habit: users of each habit, and their cumulated activity, to draw from.
        category: of each merchant, index into ``CATEGORIES``.
        online: whether a merchant sells online only.
        popularity: cumulated, to draw merchants from.
        leaves_out: (merchants, len(OPTIONAL_PARTS)) what a merchant does not send.
    """

    home: NDArray[np.int64]
    habit: NDArray[np.int64]
    log_amount: NDArray[np.float64]
    favourites: NDArray[np.int64]
    credit_limit: NDArray[np.float64]
    created_at: NDArray[np.int64]
    by_habit: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]
    category: NDArray[np.int64]
    online: NDArray[np.bool_]
    popularity: NDArray[np.float64]
    leaves_out: NDArray[np.bool_]

    @property
    def users(self) -> int:
        return len(self.home)

    @property
    def merchants(self) -> int:
        return len(self.category)


def draw_population(rng: np.random.Generator, users: int, merchants: int, now_ms: int) -> Population:
    """Draw a population as of a moment.

    Args:
        rng: source of chance.
        users: how many.
        merchants: how many.
        now_ms: epoch milliseconds; accounts are older.
    """
    popularity = rng.pareto(1.5, merchants) + 0.2  # few shops are large
    category = _categories(popularity)
    online = rng.random(merchants) < np.array([each.online for each in CATEGORIES])[category]
    habit = rng.choice(len(HABITS), users, p=HABIT_SHARES)
    activity = rng.lognormal(0.0, 0.7, users)
    log_amount = rng.normal(3.75, 0.45, users)  # usually about 43
    drawn = np.cumsum(popularity)
    drawn /= drawn[-1]
    return Population(
        home=rng.integers(0, len(HOME_CITIES), users),
        habit=habit,
        log_amount=log_amount,
        favourites=np.searchsorted(drawn, rng.random((users, FAVOURITES))),
        credit_limit=np.round(np.exp(log_amount) * rng.uniform(60, 200, users), -2) + 500,
        created_at=now_ms - rng.integers(90 * DAY_MS, 3_000 * DAY_MS, users),
        by_habit=tuple(_weighted(np.flatnonzero(habit == kind), activity) for kind in range(len(HABITS))),
        category=category,
        online=online,
        popularity=drawn,
        leaves_out=(rng.random((merchants, len(OPTIONAL_PARTS))) < _LEFT_OUT)
        | (rng.random((merchants, 1)) < _ALL_LEFT_OUT),
    )


def _categories(popularity: NDArray[np.float64]) -> NDArray[np.int64]:
    """What each merchant sells: from the largest down, the kind of shop that is furthest behind its share.

    By chance, what the few large shops sell would decide how high amounts are, and each population would have rates
    of fraud among small amounts of its own.
    """
    shares = np.array([category.share for category in CATEGORIES])
    shares /= shares.sum()
    category = np.empty(len(popularity), np.int64)
    taken, total = np.zeros(len(CATEGORIES)), 0.0
    for merchant in np.argsort(-popularity):
        total += popularity[merchant]
        kind = int(np.argmax(shares * total - taken))
        taken[kind] += popularity[merchant]
        category[merchant] = kind
    return category


def _weighted(
    members: NDArray[np.int64], activity: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if not len(members):
        return members, np.empty(0)
    cumulated = np.cumsum(activity[members])
    return members, cumulated / cumulated[-1]
