"""Metadata of a model: its training data, its features and its evaluation."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from models.calibration import Calibration


class CardPrecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of compromised cards among the ``k`` cards with the highest scores of a day, averaged over days."""

    k: int
    value: float


class OperatingPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Precision and recall at one threshold on the calibrated score.

    ``flagged_share`` is the share of payments at or above the threshold; ``precision`` is None if there are none.
    """

    threshold: float
    flagged_share: float
    precision: float | None
    recall: float


class EvaluationMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics on the latest slice of the training table, which is used for nothing else."""

    auc: float
    average_precision: float
    card_precision: CardPrecision | None
    brier_before_calibration: float
    brier_after_calibration: float


class RowCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number of payments in each slice of the training table, in order of time."""

    fit: int
    calibration: int
    test: int


class Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metadata of a model, stored as ``metadata.json``.

    Attributes:
        format: version of this format.
        model_sha256: hash of the model's text.
        data_hash: content hash of the training table.
        feature_names: features in the order of the model's columns.
        feature_hash: hash of the definitions of the features.
        calibration: calibration curve of the scores.
        metrics: evaluation of the calibrated model.
        thresholds: evaluation at the decision's thresholds.
        rows: sizes of the slices of the training table.
        trained_at: UTC, ISO 8601.
        parameters: LightGBM parameters.
        libraries: versions of the libraries that trained it.
    """

    format: Literal[1] = 1
    model_sha256: str
    data_hash: str
    feature_names: list[str]
    feature_hash: str
    calibration: Calibration
    metrics: EvaluationMetrics
    thresholds: list[OperatingPoint]
    rows: RowCounts
    trained_at: str
    parameters: dict[str, bool | int | float | str]
    libraries: dict[str, str]

    @property
    def version(self) -> str:
        """Version of the model: the same trees, features and calibration have the same version, whenever trained."""
        scoring = msgspec.json.encode([self.model_sha256, self.feature_hash, self.calibration])
        return f"lightgbm-{hashlib.sha256(scoring).hexdigest()[:12]}"
