"""The work of every peer: the product's stages with the shipped model, rules and patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import models
from models.artefact import load
from models.scorer import Scorer
from state.warmup import warm_up
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.pipeline import Pipeline, PipelineStates

Decide = Callable[[Sequence[bytes], int], list[bytes]]
"""Decides encoded envelopes at a wall-clock time, epoch milliseconds; returns encoded decisions."""

SHIPPED_MODEL = str(Path(models.__file__).parent / "shipped")

CACHED_PROFILES = 50_000
"""Decoded profiles cached by each stage, as in the job."""
NO_CACHE = 0
"""For peers whose state another process may change."""


def stages(
    model: str = SHIPPED_MODEL, cached_profiles: int = CACHED_PROFILES, states: PipelineStates[Any] | None = None
) -> Pipeline:
    """Create all three stages with the default rules and patterns, as in the job.

    Args:
        model: folder of the model.
        cached_profiles: maximum number of decoded profiles that each stage caches.
        states: keyed state of the stages; None for empty states in memory.
    """
    warm_up()
    scorer = Scorer(load(Path(model), FEATURE_NAMES, feature_hash()))
    # Without a changelog: each write has the full profile, so that any process can read it.
    return Pipeline(model=scorer, cached_profiles=cached_profiles, states=states)
