"""What happened when: rates and percentiles by the second, as points of a plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = list[tuple[float, float]]
Times = NDArray[np.float64]  # epoch milliseconds

_WORST = 1e-5  # share of the slowest that a percentile plot ends with
_CURVE_POINTS = 80


def rate_by_second(times: Times, bin_s: float = 1.0) -> Points:
    """How many a second, against seconds since the first.

    The last bin is left out where there are others: it ends when it is not over.
    """
    if not len(times):
        return []
    since_s = (times - times.min()) / 1000
    counts = np.bincount((since_s / bin_s).astype(np.int64))
    shown = counts[:-1] if len(counts) > 1 else counts
    return [(number * bin_s, float(count) / bin_s) for number, count in enumerate(shown.tolist())]


def percentile_by_second(times: Times, values: Times, percentile: float, bin_s: float = 1.0) -> Points:
    """A percentile of the values of each bin, against seconds since the first; bins without values are left out.

    Args:
        times: when each was sent, (n,).
        values: of each, (n,); NaN is not counted.
        percentile: 0 to 100.
        bin_s: seconds.
    """
    known = ~np.isnan(values)
    if not known.any():
        return []
    bins = ((times - times.min()) / 1000 / bin_s).astype(np.int64)
    return [
        (int(each) * bin_s, float(np.percentile(values[known & (bins == each)], percentile, method="higher")))
        for each in np.unique(bins[known])
    ]


def percentile_curve(values: Sequence[float] | Times) -> Points:
    """Values against how many are as slow, one in so many: (1, min), (2, p50), (100, p99), (1000, p99.9)."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return []
    last = min(len(known), round(1 / _WORST))
    one_in = np.geomspace(1, max(last, 1), _CURVE_POINTS)
    found = np.percentile(known, 100 * (1 - 1 / one_in), method="higher")
    return list(zip(one_in.tolist(), found.tolist(), strict=True))
