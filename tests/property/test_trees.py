"""Scores and contributions are LightGBM's own, whatever the trees and whatever is absent: it is the oracle here."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forest import Forest
from models.lightgbm_text import ABSENCE, NEARLY_ZERO, ZERO_IS_ABSENT, parse
from models.shapley import Explainer

Floats = npt.NDArray[np.float64]
WIDTH = 4
ODD = [np.nan, 0.0, -0.0, 1e-36, -1e-36, NEARLY_ZERO, -NEARLY_ZERO, np.inf, -np.inf, 1e300, 5e-324]


@dataclass(frozen=True)
class Drawn:
    """What a model is trained on, and how."""

    seed: int
    rows: int
    leaves: int
    trees: int
    absent: float
    zeros: float
    distinct: bool
    use_missing: bool
    zero_as_missing: bool
    learns: bool

    def train(self) -> tuple[lightgbm.Booster, Floats]:
        """The model, and rows to ask it about: some of those it saw, its own thresholds, and odd ones."""
        random = np.random.default_rng(self.seed)
        table = random.normal(size=(self.rows, WIDTH))
        if not self.distinct:
            table = np.round(table)
        truth = table[:, 0] * table[:, 1] + table[:, 2] + random.normal(size=self.rows) > 0.5
        table[random.random(table.shape) < self.absent] = np.nan
        table[random.random(table.shape) < self.zeros] = 0.0
        booster = lightgbm.train(
            {
                "objective": "binary",
                "num_leaves": self.leaves,
                "min_data_in_leaf": 1 if self.learns else self.rows,
                "min_sum_hessian_in_leaf": 0.0,
                "use_missing": self.use_missing,
                "zero_as_missing": self.zero_as_missing,
                "seed": self.seed,
                "num_threads": 1,
                "verbose": -1,
            },
            lightgbm.Dataset(table, truth.astype(float)),
            num_boost_round=self.trees,
        )
        text = booster.model_to_string()
        thresholds = parse(text).thresholds
        near = np.concatenate((thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf), ODD))
        return lightgbm.Booster(model_str=text), np.vstack((table[:40], random.choice(near, (60, WIDTH))))


drawn = st.builds(
    Drawn,
    seed=st.integers(0, 2**16),
    rows=st.sampled_from([60, 300, 900]),
    leaves=st.sampled_from([2, 3, 7, 15, 31, 64, 65, 200]),
    trees=st.integers(1, 5),
    absent=st.sampled_from([0.0, 0.2]),
    zeros=st.sampled_from([0.0, 0.3]),
    distinct=st.booleans(),
    use_missing=st.booleans(),
    zero_as_missing=st.booleans(),
    learns=st.sampled_from([True, True, True, False]),
)


@settings(deadline=None, max_examples=60)
@given(drawn=drawn, n=st.integers(0, 100), leaves_at_most=st.sampled_from([1, 64]))
def test_scores_are_lightgbms_own_to_the_last_bit(drawn: Drawn, n: int, leaves_at_most: int) -> None:
    booster, rows = drawn.train()
    forest = Forest(parse(booster.model_to_string()), leaves_at_most)
    expected = booster.predict(rows, raw_score=True, num_threads=1)
    assert forest.scores(rows[:n]).tolist() == expected[:n].tolist()


@settings(deadline=None, max_examples=60)
@given(drawn=drawn, nodes_of_table=st.integers(0, 10), tables_at_most=st.sampled_from([0, 2_000, 2**24]))
def test_contributions_are_lightgbms_own(drawn: Drawn, nodes_of_table: int, tables_at_most: int) -> None:
    booster, rows = drawn.train()
    explainer = Explainer(parse(booster.model_to_string()), nodes_of_table, tables_at_most)
    expected = booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1]
    np.testing.assert_allclose(explainer.contributions(rows), expected, rtol=0, atol=1e-9)
    assert explainer.table_bytes <= tables_at_most


@pytest.mark.parametrize(("leaves", "swept"), [(64, True), (65, False)])
def test_models_of_larger_trees_are_walked_through(leaves: int, swept: bool) -> None:
    trees = parse(Drawn(1, 900, leaves, 3, 0.1, 0.1, True, True, False, True).train()[0].model_to_string())
    assert int(np.diff(trees.first_leaves).max()) == leaves
    assert Forest(trees).swept == swept


def test_the_drawn_models_have_every_way_with_absence_and_trees_of_one_leaf() -> None:
    def trees(**how: bool) -> set[int]:
        settings = {"use_missing": True, "zero_as_missing": False, "learns": True} | how
        text = Drawn(1, 300, 15, 5, 0.2, 0.3, True, **settings).train()[0].model_to_string()
        return set(parse(text).nodes[:, ABSENCE].tolist())

    assert trees() == {0, 1}
    assert trees(zero_as_missing=True) == {ZERO_IS_ABSENT, ZERO_IS_ABSENT | 1}
    assert trees(use_missing=False) == {0, 1}
    assert trees(learns=False) == set()
