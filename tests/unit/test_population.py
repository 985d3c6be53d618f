"""Who pays and who is paid: habits and shares that a seed does not change."""

from __future__ import annotations

import numpy as np
import pytest

from apps.simulator.population import CATEGORIES, FAVORITES, Population, draw_population
from state.kernel.times import DAY_MS

NOW_MS = 1_767_225_600_000


def drawn(seed: int, users: int = 2_000, merchants: int = 1_000) -> Population:
    return draw_population(np.random.default_rng(seed), users, merchants, NOW_MS)


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_shop_has_its_share_of_the_customers_in_every_population(seed: int) -> None:
    people = drawn(seed)
    popularity = np.diff(people.popularity, prepend=0.0)
    shares = [popularity[people.category == kind].sum() for kind in range(len(CATEGORIES))]
    assert shares == pytest.approx([category.payment_share for category in CATEGORIES], abs=0.01)


def test_a_few_shops_are_large() -> None:
    popularity = np.sort(np.diff(drawn(1).popularity, prepend=0.0))
    assert popularity[-50:].sum() > 0.25


def test_every_merchant_can_be_drawn_and_none_beyond_the_last() -> None:
    people = drawn(1, merchants=37)
    assert people.popularity[-1] == 1.0
    assert people.favorites.shape == (2_000, FAVORITES)
    assert people.favorites.max() < people.merchants == 37


def test_users_have_accounts_of_age_limits_and_homes() -> None:
    people = drawn(1)
    assert (people.created_at < NOW_MS - 89 * DAY_MS).all()
    assert people.credit_limit.min() >= 500
    assert len(set(people.home.tolist())) == 8


def test_a_handful_of_users_and_merchants_is_a_population_too() -> None:
    people = drawn(1, users=10, merchants=10)
    assert (people.users, people.merchants) == (10, 10)
