"""Rates and percentiles by the second."""

from __future__ import annotations

import numpy as np
import pytest

from apps.bench.timeline import percentile_by_second, percentile_curve, rate_by_second

BEGUN_MS = 1_764_000_000_000.0


def test_the_rate_of_a_second_counts_its_events() -> None:
    times = BEGUN_MS + np.array([0.0, 1.0, 999.0, 1_000.0, 2_500.0])
    assert rate_by_second(times) == [(0.0, 3.0), (1.0, 1.0)]


def test_a_rate_over_longer_bins_is_per_second() -> None:
    times = BEGUN_MS + np.arange(0.0, 20_001.0, 100.0)
    assert rate_by_second(times, bin_s=10.0) == [(0.0, 10.0), (10.0, 10.0)]


def test_no_events_have_no_rate() -> None:
    assert rate_by_second(np.array([])) == []


def test_the_percentile_of_a_second_leaves_out_what_is_missing() -> None:
    times = BEGUN_MS + np.array([0.0, 100.0, 200.0, 1_100.0, 2_000.0])
    values = np.array([5.0, np.nan, 7.0, np.nan, 9.0])
    assert percentile_by_second(times, values, 99) == [(0.0, 7.0), (2.0, 9.0)]


def test_missing_values_have_no_percentiles() -> None:
    assert percentile_by_second(np.array([BEGUN_MS]), np.array([np.nan]), 50) == []


def test_the_percentile_curve_begins_with_the_least_and_never_falls() -> None:
    values = np.random.default_rng(1).lognormal(3, 1, 10_000)
    curve = percentile_curve(np.append(values, np.nan))
    assert curve[0] == (1.0, values.min())
    heights = [height for _, height in curve]
    assert heights == sorted(heights)
    one_in_a_hundred = min(curve, key=lambda point: abs(point[0] - 100))
    assert one_in_a_hundred[1] == pytest.approx(np.percentile(values, 99), rel=0.1)


def test_the_curve_of_missing_values_is_empty() -> None:
    assert percentile_curve(np.array([np.nan])) == []
