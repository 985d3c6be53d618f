"""Contract of every scorer: the tests find the scorers in ``models``, so they check a new one as well."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import models
from models.artefact import load
from models.scorer import Scorer
from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.stages.decision_engine import ScoringModel

Floats = npt.NDArray[np.float64]
INTERFACE = {name for name in vars(ScoringModel) if not name.startswith("_")}


@cache
def shipped() -> Scorer:
    return Scorer(load(Path(models.__file__).parent / "shipped", FEATURE_NAMES, feature_hash()))


# Factory of each scorer for the features of the job. A scorer that is missing here fails the first test.
FACTORIES: dict[type, Callable[[], ScoringModel]] = {Scorer: shipped, SuspectsLargeAmounts: SuspectsLargeAmounts}
each_scorer = pytest.mark.parametrize("make", FACTORIES.values(), ids=lambda make: make.__name__)


def rows(n: int, seed: int = 1) -> Floats:
    """Random payments, with a third of their features missing."""
    random = np.random.default_rng(seed)
    found: Floats = np.round(np.exp(random.normal(1.0, 2.0, (n, len(FEATURE_NAMES)))), 1)
    found[random.random(found.shape) < 1 / 3] = np.nan
    return found


def test_every_scorer_is_checked() -> None:
    modules = [importlib.import_module(f"models.{found.name}") for found in pkgutil.iter_modules(models.__path__)]
    scorers = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and {"score", "contributions"} <= set(dir(member))
    }
    assert {"score", "contributions"} <= INTERFACE
    assert Scorer in scorers
    assert scorers <= FACTORIES.keys()


@each_scorer
def test_it_has_a_version(make: Callable[[], ScoringModel]) -> None:
    assert make().version
    assert make().version == make().version


@each_scorer
@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 300])
def test_a_score_is_a_probability_of_each_payment_and_contributions_are_numbers(
    make: Callable[[], ScoringModel], n: int
) -> None:
    scores, contributions = make().score(rows(n)), make().contributions(rows(n))
    assert (scores.shape, contributions.shape) == ((n,), (n, len(FEATURE_NAMES)))
    assert scores.dtype == contributions.dtype == np.dtype(np.float64)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.isfinite(contributions).all()


@each_scorer
def test_the_score_of_a_payment_does_not_depend_on_the_rest_of_its_batch(make: Callable[[], ScoringModel]) -> None:
    scorer, batch = make(), rows(300)
    assert scorer.score(batch).tolist() == [float(scorer.score(batch[row : row + 1])[0]) for row in range(300)]
    single = np.vstack([scorer.contributions(batch[row : row + 1]) for row in range(20)])
    assert scorer.contributions(batch[:20]).tolist() == single.tolist()


@each_scorer
def test_scoring_changes_neither_the_rows_nor_the_scorer(make: Callable[[], ScoringModel]) -> None:
    scorer, batch = make(), rows(20)
    first = scorer.score(batch).tolist(), scorer.contributions(batch).tolist()
    np.testing.assert_array_equal(batch, rows(20))
    assert (scorer.score(batch).tolist(), scorer.contributions(batch).tolist()) == first


@each_scorer
def test_the_memory_layout_of_the_rows_does_not_matter(make: Callable[[], ScoringModel]) -> None:
    scorer, batch = make(), rows(20)
    read_only = batch.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(batch), np.repeat(batch, 2, axis=0)[::2], read_only):
        assert scorer.score(other).tolist() == scorer.score(batch).tolist()
        assert scorer.contributions(other).tolist() == scorer.contributions(batch).tolist()
