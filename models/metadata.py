"""What is recorded beside a model: where it comes from, what it takes and how good it was."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from models.calibration import Calibration


class CardPrecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of truly compromised cards among the ``k`` most suspicious ones of a day, averaged over days."""

    k: int
    value: float


class OperatingPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens at one threshold on the calibrated score.

    ``precision`` is None where nothing reaches the threshold.
    """

    threshold: float
    flagged_share: float
    precision: float | None
    recall: float


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Measured on the slice latest in time, of which the model has seen nothing."""

    auc: float
    average_precision: float
    card_precision: CardPrecision | None
    brier_before_calibration: float
    brier_after_calibration: float


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many payments of the training table served what, in order of time."""

    fit: int
    calibration: int
    test: int


class Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from, what it takes and how good it was."""

    format: Literal[1] = 1
    model_sha256: str
    data_hash: str
    feature_names: list[str]
    feature_hash: str
    calibration: Calibration
    metrics: Metrics
    thresholds: list[OperatingPoint]
    rows: Rows
    trained_at: str
    parameters: dict[str, bool | int | float | str]
    libraries: dict[str, str]

    @property
    def version(self) -> str:
        """Names what scores: the same trees with the same calibration have the same version, whenever trained."""
        scoring = msgspec.json.encode([self.model_sha256, self.feature_hash, self.calibration])
        return f"lightgbm-{hashlib.sha256(scoring).hexdigest()[:12]}"
