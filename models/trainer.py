"""Train a model: fit it on the oldest payments of a table, calibrate it on later ones, evaluate it on the latest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import lightgbm
import numpy as np

from models import calibration, evaluation
from models.artefact import Artefact, sha256_of
from models.feature_table import FeatureTable, TableError
from models.forest import Forest
from models.lightgbm_text import parse
from models.metadata import Metadata, RowCounts

DEFAULT_TREES = 100
# Small trees score at about 0.6 us a row (models/forest.py). Fine bins cost training time only: on the Fraud Detection
# Handbook's data (15 features, 402,495 rows) average precision is .746 with LightGBM's default bins, .767 with fine
# bins, and .773 if boosting also starts from 0 instead of the average; 31 leaves or half the learning rate give +-.004.
PARAMETERS: dict[str, bool | int | float | str] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "lambda_l2": 1.0,
    "max_bin": 16383,
    "min_data_in_bin": 1,
    "boost_from_average": False,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
FIT_SHARE, CALIBRATION_SHARE = 0.6, 0.2
MIN_FRAUDS = 10
# The default thresholds of the decision: monitor, challenge and alert, block.
THRESHOLDS = (0.5, 0.7, 0.9)
_REFUSED = frozenset('",:[]{}')
LIBRARIES = ("lightgbm", "numpy", "scikit-learn")


def train(
    table: FeatureTable,
    seed: int,
    trained_at: datetime,
    trees: int = DEFAULT_TREES,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Artefact:
    """Train a model; the same table, seed and library versions give the same model.

    Args:
        table: payments in order of event time.
        seed: seed of LightGBM.
        trained_at: time for the metadata.
        trees: number of trees; scoring time grows with it.
        thresholds: thresholds on the calibrated score at which precision and recall are recorded.

    Raises:
        TableError: one of the three slices has too few frauds or no legitimate payment.
    """
    _check_names(table.feature_names)
    fit, calibrate, test = _split(table)
    parameters = {**PARAMETERS, "num_iterations": trees, "seed": seed}
    booster = lightgbm.train(
        parameters, lightgbm.Dataset(fit.features, fit.fraud, feature_name=list(table.feature_names))
    )
    model_text = booster.model_to_string()
    forest = Forest(parse(model_text))
    calibrated = calibration.fit(forest.scores(calibrate.features), calibrate.fraud)
    raw_scores = forest.scores(test.features)
    probabilities = calibration.Calibrator(calibrated).probabilities(raw_scores)
    metadata = Metadata(
        model_sha256=sha256_of(model_text),
        data_hash=table.content_hash(),
        feature_names=list(table.feature_names),
        feature_hash=table.feature_hash,
        calibration=calibrated,
        metrics=evaluation.evaluate(raw_scores, probabilities, test.fraud, test.event_time, test.user_id),
        thresholds=evaluation.operating_points(probabilities, test.fraud, thresholds),
        rows=RowCounts(len(fit), len(calibrate), len(test)),
        trained_at=trained_at.astimezone(UTC).isoformat(timespec="seconds"),
        parameters=parameters,
        libraries={library: version(library) for library in LIBRARIES},
    )
    return Artefact(model_text, metadata)


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that LightGBM refuses or changes, before an hour of training.

    Raises:
        TableError: a name is empty, or has white space, a control character or a character of JSON's syntax.
    """
    for name in names:
        if not name or not name.isprintable() or any(letter.isspace() or letter in _REFUSED for letter in name):
            raise TableError(
                f"LightGBM refuses the feature name {name!r}: rename the column; use letters, digits and underscores"
            )


def _split(table: FeatureTable) -> tuple[FeatureTable, FeatureTable, FeatureTable]:
    """Split a table into slices for fitting, calibration and testing; payments of one millisecond stay in one slice."""
    n = len(table)
    cuts = [int(n * FIT_SHARE), int(n * (FIT_SHARE + CALIBRATION_SHARE))]
    first, second = (int(np.searchsorted(table.event_time, table.event_time[cut])) if n else 0 for cut in cuts)
    slices = table.slice_rows(0, first), table.slice_rows(first, second), table.slice_rows(second, n)
    for rows, purpose in zip(slices, ("fitting", "calibration", "testing"), strict=True):
        frauds = int(rows.fraud.sum())
        if frauds < MIN_FRAUDS or frauds == len(rows):
            raise TableError(
                f"the slice for {purpose} has {len(rows)} payments with {frauds} frauds; it needs at least "
                f"{MIN_FRAUDS} frauds and a legitimate payment: use a table of a longer time"
            )
    return slices
