"""The work itself, borrowed from the product: its stages with the model that ships with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import models
from models.artefact import load
from models.scorer import Scorer
from state.warmup import warm_up
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.pipeline import Pipeline

Decide = Callable[[Sequence[bytes], int], list[bytes]]
"""Sealed envelopes and the wall clock (epoch milliseconds) to the bytes of decisions."""

SHIPPED_MODEL = str(Path(models.__file__).parent / "shipped")

CACHED_PROFILES = 50_000
"""Decoded profiles that a stage of the job keeps, too."""
NO_CACHE = 0
"""For those whose state another process may have changed since."""


def stages(model: str = SHIPPED_MODEL, cached_profiles: int = CACHED_PROFILES) -> Pipeline:
    """All three stages with ready rules and patterns, as the job has them.

    Args:
        model: its folder.
        cached_profiles: decoded profiles that each stage may keep.
    """
    warm_up()
    scorer = Scorer(load(Path(model), FEATURE_NAMES, feature_hash()))
    return Pipeline(model=scorer, cached_profiles=cached_profiles)  # profiles are written whole, for any reader
