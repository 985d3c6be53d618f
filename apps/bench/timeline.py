"""Rates and percentiles over time, as points of a plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = list[tuple[float, float]]
Times = NDArray[np.float64]  # epoch milliseconds

_SLOWEST_SHARE = 1e-5  # a percentile curve ends at this share of the slowest
_CURVE_POINTS = 80


def rate_by_second(times: Times, bin_s: float = 1.0) -> Points:
    """Return events per second over seconds since the first event.

    The last bin is incomplete and left out, unless it is the only one.
    """
    if not len(times):
        return []
    since_s = (times - times.min()) / 1000
    counts = np.bincount((since_s / bin_s).astype(np.int64))
    complete = counts[:-1] if len(counts) > 1 else counts
    return [(number * bin_s, float(count) / bin_s) for number, count in enumerate(complete.tolist())]


def percentile_by_second(times: Times, values: Times, percentile: float, bin_s: float = 1.0) -> Points:
    """Return a percentile of the values of each bin over seconds since the first event; empty bins are left out.

    Args:
        times: when each event happened, (n,).
        values: value of each event, (n,); NaN is ignored.
        percentile: 0 to 100.
        bin_s: length of a bin, seconds.
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
    """Return values over "one in N is slower": (1, min), (2, p50), (100, p99), (1000, p99.9); NaN is ignored."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return []
    last = min(len(known), round(1 / _SLOWEST_SHARE))
    one_in = np.geomspace(1, max(last, 1), _CURVE_POINTS)
    found = np.percentile(known, 100 * (1 - 1 / one_in), method="higher")
    return list(zip(one_in.tolist(), found.tolist(), strict=True))
