"""Trend of a series that is sampled over a long run."""

from __future__ import annotations

from collections.abc import Sequence

from apps.bench.curve_fit import growth_percent

TEN_MINUTES_S = 600.0


def growth_per_ten_minutes(samples: Sequence[tuple[float, float]], last_s: float) -> float | None:
    """Return the growth of a line fitted to the end of a series, percent of its mean per ten minutes.

    Args:
        samples: pairs of seconds and value, ascending.
        last_s: length of the end that is fitted, seconds.

    Returns:
        None with fewer than two samples in that span, or when all of them are zero.
    """
    selected = [(at, value) for at, value in samples if at >= samples[-1][0] - last_s]
    if len(selected) < 2 or not any(value for _, value in selected):
        return None
    return round(growth_percent(selected, TEN_MINUTES_S), 6)
