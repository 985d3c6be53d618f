"""Scores and contributions equal LightGBM's, for any trees and any missing values: LightGBM is the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forest import Forest
from models.lightgbm_text import MISSING, ZERO_IS_MISSING, ZERO_THRESHOLD, parse
from models.shapley import Explainer

Floats = npt.NDArray[np.float64]
WIDTH = 4
EDGE_CASES = [np.nan, 0.0, -0.0, 1e-36, -1e-36, ZERO_THRESHOLD, -ZERO_THRESHOLD, np.inf, -np.inf, 1e300, 5e-324]


@dataclass(frozen=True)
class Training:
    """Data and parameters of a training."""

    seed: int
    rows: int
    leaves: int
    trees: int
    missing: float
    zeros: float
    distinct: bool
    use_missing: bool
    zero_as_missing: bool
    splits: bool

    def train(self) -> tuple[lightgbm.Booster, Floats]:
        """Train a model; returns it and rows to score: training rows, values at its thresholds, and edge cases."""
        random = np.random.default_rng(self.seed)
        table = random.normal(size=(self.rows, WIDTH))
        if not self.distinct:
            table = np.round(table)
        target = table[:, 0] * table[:, 1] + table[:, 2] + random.normal(size=self.rows) > 0.5
        table[random.random(table.shape) < self.missing] = np.nan
        table[random.random(table.shape) < self.zeros] = 0.0
        booster = lightgbm.train(
            {
                "objective": "binary",
                "num_leaves": self.leaves,
                "min_data_in_leaf": 1 if self.splits else self.rows,
                "min_sum_hessian_in_leaf": 0.0,
                "use_missing": self.use_missing,
                "zero_as_missing": self.zero_as_missing,
                "seed": self.seed,
                "num_threads": 1,
                "verbose": -1,
            },
            lightgbm.Dataset(table, target.astype(float)),
            num_boost_round=self.trees,
        )
        text = booster.model_to_string()
        thresholds = parse(text).thresholds
        near = np.concatenate(
            (thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf), EDGE_CASES)
        )
        return lightgbm.Booster(model_str=text), np.vstack((table[:40], random.choice(near, (60, WIDTH))))


trainings = st.builds(
    Training,
    seed=st.integers(0, 2**16),
    rows=st.sampled_from([60, 300, 900]),
    leaves=st.sampled_from([2, 3, 7, 15, 31, 64, 65, 200]),
    trees=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.2]),
    zeros=st.sampled_from([0.0, 0.3]),
    distinct=st.booleans(),
    use_missing=st.booleans(),
    zero_as_missing=st.booleans(),
    splits=st.sampled_from([True, True, True, False]),
)


@settings(deadline=None, max_examples=60)
@given(training=trainings, n=st.integers(0, 100), max_leaves=st.sampled_from([1, 64]))
def test_scores_equal_those_of_lightgbm_to_the_last_bit(training: Training, n: int, max_leaves: int) -> None:
    booster, rows = training.train()
    forest = Forest(parse(booster.model_to_string()), max_leaves)
    expected = booster.predict(rows, raw_score=True, num_threads=1)
    assert forest.scores(rows[:n]).tolist() == expected[:n].tolist()


@settings(deadline=None, max_examples=60)
@given(training=trainings, max_table_nodes=st.integers(0, 10), max_table_bytes=st.sampled_from([0, 2_000, 2**24]))
def test_contributions_equal_those_of_lightgbm(training: Training, max_table_nodes: int, max_table_bytes: int) -> None:
    booster, rows = training.train()
    explainer = Explainer(parse(booster.model_to_string()), max_table_nodes, max_table_bytes)
    expected = booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1]
    np.testing.assert_allclose(explainer.contributions(rows), expected, rtol=0, atol=1e-9)
    assert explainer.table_bytes <= max_table_bytes


@pytest.mark.parametrize(("leaves", "uses_quickscorer"), [(64, True), (65, False)])
def test_a_model_with_a_larger_tree_is_traversed(leaves: int, uses_quickscorer: bool) -> None:
    trees = parse(Training(1, 900, leaves, 3, 0.1, 0.1, True, True, False, True).train()[0].model_to_string())
    assert int(np.diff(trees.first_leaves).max()) == leaves
    assert Forest(trees).uses_quickscorer == uses_quickscorer


def test_the_generated_models_have_every_kind_of_missing_value_and_trees_of_one_leaf() -> None:
    def trees(**changes: bool) -> set[int]:
        settings = {"use_missing": True, "zero_as_missing": False, "splits": True} | changes
        text = Training(1, 300, 15, 5, 0.2, 0.3, True, **settings).train()[0].model_to_string()
        return set(parse(text).nodes[:, MISSING].tolist())

    assert trees() == {0, 1}
    assert trees(zero_as_missing=True) == {ZERO_IS_MISSING, ZERO_IS_MISSING | 1}
    assert trees(use_missing=False) == {0, 1}
    assert trees(splits=False) == set()
