"""Makes every compiled function of models ready; ``udfs.warmup`` calls it, at set-up and as a stage starts.

As ``state.warmup`` does, and for the same reason: without it a job would stop for ten seconds at its first payment, and
again at its first alert.
"""

from __future__ import annotations

import numpy as np

from models.calibration import Calibration, Curve
from models.forest import Forest
from models.lightgbm_text import COLUMNS, Trees
from models.shapley import Explainer


def warm_up() -> None:
    """Score and explain a payment by one tree of two leaves, in every way that there is."""
    one = np.ones(1, np.int64)
    trees = Trees(
        width=1,
        roots=np.zeros(1, np.int64),
        first_leaves=np.array([0, 2], np.int64),
        nodes=np.array([[0, -1, -2, 0]], np.int64).reshape(1, COLUMNS),
        thresholds=np.zeros(1),
        leaves=np.array([-1.0, 1.0]),
        node_rows=2 * one,
        leaf_rows=np.ones(2, np.int64),
    )
    rows = np.zeros((1, 1))
    for most_leaves in (2, 1):
        scores = Forest(trees, most_leaves).scores(rows)
    Curve(Calibration([0.0], [0.5])).probabilities(scores)
    Explainer(trees).contributions(rows)
