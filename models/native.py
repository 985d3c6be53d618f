"""LightGBM's C interface, as little of it as scoring needs.

Why not ``lightgbm.Booster.predict``: ctypes gives up the GIL for each of its foreign calls, and in Flink's thread mode
several Python stages share one GIL, so every call may wait out another stage's switch interval before it gets its
answer. ``ctypes.PyDLL`` keeps the GIL for the few microseconds a batch takes. 100 trees of 15 leaves, 90 features, one
thread, LightGBM 4.7.0, microseconds a call (median):

    rows                            1       5      50     200
    Booster.predict, alone         44      51     126     668
    this module, alone             14      21      97     626
    Booster.predict, GIL wanted  5365    5383    5633    6238   (a second thread is running Python)
    this module, GIL wanted        14      21     102     672

``LGBM_BoosterPredictForMatSingleRowFast`` takes 7 us instead of 14 for one row and is slower from six rows on: not
worth a second path. Importing ``lightgbm`` also costs 1.6 s and 160 MB (pandas, scipy, scikit-learn) that the job has
no use for, so the library is loaded by its file.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FLOAT64 = 1
_ROW_MAJOR = 1
_ALL_TREES = -1
_RAW_SCORE = 1
_CONTRIBUTIONS = 3
_PARAMETERS = b"num_threads=1"


class NativeError(Exception):
    """LightGBM refused what it was given; the message is its own."""


@cache
def _library() -> ctypes.PyDLL:
    package = importlib.util.find_spec("lightgbm")
    if package is None or package.origin is None:
        raise NativeError("lightgbm is not installed: pip install lightgbm")
    found = sorted((Path(package.origin).parent / "lib").glob("lib_lightgbm.*"))
    if not found:
        raise NativeError(f"{Path(package.origin).parent} holds no lib_lightgbm: install lightgbm's wheel again")
    library = ctypes.PyDLL(str(found[0]))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _check(status: int) -> None:
    if status != 0:
        raise NativeError(_library().LGBM_GetLastError().decode(errors="replace"))


class NativeBooster:
    """A trained model held by the LightGBM library.

    Holds the GIL while it computes: meant for batches of up to a few hundred rows, not for scoring a whole table
    beside threads that have to stay awake.
    """

    def __init__(self, model_text: str) -> None:
        """Load a model from the text that ``Booster.model_to_string`` gave.

        Raises:
            NativeError: the text is no LightGBM model.
        """
        self._library = _library()
        self._handle = ctypes.c_void_p()
        trees = ctypes.c_int()
        _check(
            self._library.LGBM_BoosterLoadModelFromString(
                model_text.encode(), ctypes.byref(trees), ctypes.byref(self._handle)
            )
        )
        width = ctypes.c_int()
        _check(self._library.LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(width)))
        self.width = width.value
        self.trees = trees.value

    def raw_scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds before calibration, (n, width) -> (n,)."""
        scores = np.empty(len(rows))
        self._predict(rows, _RAW_SCORE, scores)
        return scores

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """TreeSHAP values in log-odds, (n, width) -> (n, width + 1); the last column is the expected score."""
        values = np.empty((len(rows), self.width + 1))
        self._predict(rows, _CONTRIBUTIONS, values)
        return values

    def _predict(self, rows: NDArray[np.float64], kind: int, out: NDArray[np.float64]) -> None:
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            # The library would read past the end of the buffer.
            raise ValueError(f"the model takes rows of {self.width} features, got an array of shape {rows.shape}")
        if len(rows) == 0:
            return
        written = ctypes.c_int64()
        _check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                ctypes.c_void_p(rows.ctypes.data),
                _FLOAT64,
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(self.width),
                _ROW_MAJOR,
                kind,
                0,
                _ALL_TREES,
                _PARAMETERS,
                ctypes.byref(written),
                ctypes.c_void_p(out.ctypes.data),
            )
        )

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle:
            self._library.LGBM_BoosterFree(handle)
