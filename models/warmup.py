"""Compile every compiled function of the package; ``udfs.warmup`` calls it at setup and when a stage starts.

Without it a job would pause for ten seconds at its first payment, and again at its first alert.
"""

from __future__ import annotations

import numpy as np

from models.calibration import Calibration, Calibrator
from models.forest import Forest
from models.lightgbm_text import NODE_COLUMNS, Trees
from models.shapley import Explainer


def warm_up() -> None:
    """Score and explain a row with a tree of two leaves, by both scoring algorithms."""
    one = np.ones(1, np.int64)
    trees = Trees(
        width=1,
        roots=np.zeros(1, np.int64),
        first_leaves=np.array([0, 2], np.int64),
        nodes=np.array([[0, -1, -2, 0]], np.int64).reshape(1, NODE_COLUMNS),
        thresholds=np.zeros(1),
        leaves=np.array([-1.0, 1.0]),
        node_counts=2 * one,
        leaf_counts=np.ones(2, np.int64),
    )
    rows = np.zeros((1, 1))
    for max_leaves in (2, 1):
        scores = Forest(trees, max_leaves).scores(rows)
    Calibrator(Calibration([0.0], [0.5])).probabilities(scores)
    Explainer(trees).contributions(rows)
