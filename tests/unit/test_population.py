"""The shares of a simulated population do not depend on the seed."""

from __future__ import annotations

import numpy as np
import pytest

from apps.simulator.population import CATEGORIES, FAVORITES, Population, draw_population
from state.kernel.times import DAY_MS

NOW_MS = 1_767_225_600_000


def drawn(seed: int, users: int = 2_000, merchants: int = 1_000) -> Population:
    return draw_population(np.random.default_rng(seed), users, merchants, NOW_MS)


@pytest.mark.parametrize("seed", range(5))
def test_every_category_has_its_share_of_payments_in_every_population(seed: int) -> None:
    population = drawn(seed)
    popularity = np.diff(population.popularity, prepend=0.0)
    shares = [popularity[population.category == kind].sum() for kind in range(len(CATEGORIES))]
    assert shares == pytest.approx([category.payment_share for category in CATEGORIES], abs=0.01)


def test_a_few_merchants_are_large() -> None:
    popularity = np.sort(np.diff(drawn(1).popularity, prepend=0.0))
    assert popularity[-50:].sum() > 0.25


def test_every_merchant_can_be_drawn_and_none_beyond_the_last() -> None:
    population = drawn(1, merchants=37)
    assert population.popularity[-1] == 1.0
    assert population.favorites.shape == (2_000, FAVORITES)
    assert population.favorites.max() < population.merchants == 37


def test_users_have_old_accounts_credit_limits_and_home_cities() -> None:
    population = drawn(1)
    assert (population.created_at < NOW_MS - 89 * DAY_MS).all()
    assert population.credit_limit.min() >= 500
    assert len(set(population.home.tolist())) == 8


def test_a_population_may_be_small() -> None:
    population = drawn(1, users=10, merchants=10)
    assert (population.users, population.merchants) == (10, 10)
