"""The scorer returns LightGBM's scores, calibrated, and never mistakes a column for another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest

from models import feature_table, trainer
from models.artefact import Artefact
from models.scorer import Scorer
from tests import feature_tables
from tests.feature_tables import NAMES


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    file = feature_tables.write(tmp_path_factory.mktemp("table"))
    return trainer.train(feature_table.read(file), 0, datetime(2026, 1, 2, tzinfo=UTC), trees=10)


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> npt.NDArray[np.float64]:
    """Payments that are not in the training table, some with missing features."""
    data = feature_tables.columns(500, seed=99)
    return np.column_stack([data[name] for name in NAMES])


@pytest.mark.parametrize("n", [0, 1, 2, 7, 500])
def test_scores_are_those_of_lightgbm_calibrated(trained: Artefact, payments: npt.NDArray[np.float64], n: int) -> None:
    raw = lightgbm.Booster(model_str=trained.model_text).predict(payments, raw_score=True)
    calibration = trained.metadata.calibration
    expected = np.interp(raw, calibration.scores, calibration.probabilities)[:n]
    np.testing.assert_array_equal(Scorer(trained).score(payments[:n]), expected)


def test_contributions_add_up_to_the_difference_from_the_expected_score(
    trained: Artefact, payments: npt.NDArray[np.float64]
) -> None:
    booster = lightgbm.Booster(model_str=trained.model_text)
    contributions = Scorer(trained).contributions(payments[:20])
    assert contributions.shape == (20, len(NAMES))
    expected_score = booster.predict(payments[:1], pred_contrib=True)[0, -1]
    raw_scores = booster.predict(payments[:20], raw_score=True)
    np.testing.assert_allclose(contributions.sum(axis=1) + expected_score, raw_scores)


def test_the_largest_contribution_to_an_attack_is_the_feature_that_reveals_it(trained: Artefact) -> None:
    contributions = Scorer(trained).contributions(np.array([[25.0, 8.0, 0.0, 12.0]]))[0]
    assert NAMES[int(np.argmax(contributions))] == "user_transaction_count_5m"


def test_a_view_of_a_wider_matrix_is_scored_by_its_columns(
    trained: Artefact, payments: npt.NDArray[np.float64]
) -> None:
    wider = np.column_stack([payments, payments])
    scorer = Scorer(trained)
    np.testing.assert_array_equal(scorer.score(wider[:, : len(NAMES)]), scorer.score(payments))


@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (4,)])
def test_rows_of_another_width_are_refused(trained: Artefact, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows of 4 features"):
        Scorer(trained).score(np.zeros(shape))


def test_scoring_does_not_import_the_training_libraries(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = "import sys, models.scorer; print([m for m in ('lightgbm', 'sklearn', 'pandas') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
