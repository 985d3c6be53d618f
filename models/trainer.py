"""Training: fit on the oldest payments of a table, calibrate on later ones, measure on the latest."""

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
from models.metadata import Metadata, Rows

TREES = 100
# Small trees keep a batch at about 0.6 us a row (models/forest.py). Fine bins cost training time only: on the Fraud
# Detection Handbook's data (15 features, 402,495 rows) average precision was .746 with LightGBM's own binning, .767
# with fine bins, .773 when it also starts from 0 rather than from the average; 31 leaves or half the learning rate gave
# +-.004.
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
FEWEST_FRAUDS = 10
# The decision's default bands: monitor, challenge and alert, block.
THRESHOLDS = (0.5, 0.7, 0.9)
LIBRARIES = ("lightgbm", "numpy", "scikit-learn")


def train(
    table: FeatureTable, seed: int, trained_at: datetime, trees: int = TREES, thresholds: Sequence[float] = THRESHOLDS
) -> Artefact:
    """Train one model; the same table, seed and library versions give the same one.

    Args:
        table: payments in order of event time.
        seed: of everything random in LightGBM.
        trained_at: recorded, never computed with.
        trees: how many; scoring time grows with it.
        thresholds: on the calibrated score, to report precision and recall at.

    Raises:
        TableError: a slice in time has too few frauds, or no genuine payment, to learn or to measure from.
    """
    fit, calibrate, test = _split(table)
    parameters = {**PARAMETERS, "num_iterations": trees, "seed": seed}
    booster = lightgbm.train(
        parameters, lightgbm.Dataset(fit.features, fit.fraud, feature_name=list(table.feature_names))
    )
    if booster.feature_name() != list(table.feature_names):
        raise TableError("LightGBM renamed a feature: feature names may hold letters, digits and underscores only")
    model_text = booster.model_to_string()
    forest = Forest(parse(model_text))
    calibrated = calibration.fit(forest.scores(calibrate.features), calibrate.fraud)
    raw_scores = forest.scores(test.features)
    probabilities = calibration.Curve(calibrated).probabilities(raw_scores)
    metadata = Metadata(
        model_sha256=sha256_of(model_text),
        data_hash=table.content_hash(),
        feature_names=list(table.feature_names),
        feature_hash=table.feature_hash,
        calibration=calibrated,
        metrics=evaluation.measure(raw_scores, probabilities, test.fraud, test.event_time, test.user_id),
        thresholds=evaluation.operating_points(probabilities, test.fraud, thresholds),
        rows=Rows(len(fit), len(calibrate), len(test)),
        trained_at=trained_at.astimezone(UTC).isoformat(timespec="seconds"),
        parameters=parameters,
        libraries={library: version(library) for library in LIBRARIES},
    )
    return Artefact(model_text, metadata)


def _split(table: FeatureTable) -> tuple[FeatureTable, FeatureTable, FeatureTable]:
    """Three slices in order of time; payments of one millisecond are never on two sides of a cut."""
    n = len(table)
    cuts = [int(n * FIT_SHARE), int(n * (FIT_SHARE + CALIBRATION_SHARE))]
    first, second = (int(np.searchsorted(table.event_time, table.event_time[cut])) if n else 0 for cut in cuts)
    slices = table.between(0, first), table.between(first, second), table.between(second, n)
    for part, purpose in zip(slices, ("fitting", "calibration", "measuring"), strict=True):
        frauds = int(part.fraud.sum())
        if frauds < FEWEST_FRAUDS or frauds == len(part):
            raise TableError(
                f"the slice for {purpose} has {len(part)} payments with {frauds} frauds, and needs at least "
                f"{FEWEST_FRAUDS} frauds and a genuine payment: give a table of a longer time"
            )
    return slices
