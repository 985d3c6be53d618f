"""``warm_up`` compiles all functions that a stage calls: the first payment and the first alert compile nothing."""

from __future__ import annotations

import subprocess
import sys

# For a new process, in which no function has been compiled.
SCRIPT = """
import importlib, pkgutil
from pathlib import Path
import numpy as np
from numba.core.dispatcher import Dispatcher
import models
from models.artefact import load
from models.warmup import warm_up
from models.scorer import Scorer
from udfs.features.catalogue import FEATURE_NAMES, feature_hash

def compiled():
    names = ("calibration", "forest", "shapley", "lightgbm_text")
    modules = [importlib.import_module(f"models.{name}") for name in names]
    found = {id(one): one for module in modules for one in vars(module).values() if isinstance(one, Dispatcher)}
    return {f"{one.py_func.__module__}.{one.py_func.__name__}": one for one in found.values()}

WIDTH = len(FEATURE_NAMES)
warm_up()
before = {name: len(one.signatures) for name, one in compiled().items()}
scorer = Scorer(load(Path(models.__file__).parent / "shipped", FEATURE_NAMES, feature_hash()))
wider = np.ones((20, 2 * WIDTH), np.float32)
for rows in (np.zeros((0, WIDTH)), np.zeros((1, WIDTH)), np.full((20, WIDTH), np.nan), wider[:, ::2]):
    scorer.score(rows), scorer.contributions(rows)
after = {name: len(one.signatures) for name, one in compiled().items()}
print(*(name for name in after if after[name] != before[name]))
print(*(name for name in after if after[name]))
"""


def test_scoring_and_explaining_compile_nothing_more() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    compiled_later, called = (line.split() for line in done.stdout.splitlines())
    assert compiled_later == []
    assert {"models.forest.quickscore", "models.shapley.explain", "models.calibration.interpolate"} <= set(called)
