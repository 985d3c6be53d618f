"""Whether what is sampled over a long run stays flat."""

from __future__ import annotations

from collections.abc import Sequence

from apps.bench.curve_fit import growth_percent

TEN_MINUTES_S = 600.0


def growth_per_ten_minutes(samples: Sequence[tuple[float, float]], last_s: float) -> float | None:
    """Growth of a fitted line over the last seconds of the samples, percent of their mean in ten minutes.

    Args:
        samples: (seconds, value), ascending.
        last_s: how much of the end is looked at.

    Returns:
        None with fewer than two samples there, or when all of them are nothing.
    """
    chosen = [(at, value) for at, value in samples if at >= samples[-1][0] - last_s]
    if len(chosen) < 2 or not any(value for _, value in chosen):
        return None
    return round(growth_percent(chosen, TEN_MINUTES_S), 6)
