"""Fitted lines, trends, and where a curve crosses a limit."""

from __future__ import annotations

import pytest

from apps.bench.curve_fit import crossing, fit_line, growth_percent
from apps.bench.trend import growth_per_ten_minutes


def test_a_line_is_recovered_from_its_points() -> None:
    line = fit_line([(rules, 70 + 0.02 * rules) for rules in (10, 100, 1_000)])
    assert line.intercept == pytest.approx(70)
    assert line.slope == pytest.approx(0.02)
    assert line.r_squared == pytest.approx(1)
    assert line.at(500) == pytest.approx(80)


def test_a_line_through_scattered_points_does_not_explain_all_of_them() -> None:
    assert fit_line([(1, 1), (2, 5), (3, 2), (4, 6)]).r_squared < 0.9


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)]])
def test_points_at_one_x_have_no_fit(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="two different x"):
        fit_line(points)


def test_growth_is_in_percent_of_the_mean() -> None:
    assert growth_percent([(0, 90), (10, 110)], over=5) == pytest.approx(10)


def test_a_limit_is_crossed_between_the_rates_around_it() -> None:
    assert crossing([(2_000, 200), (1_000, 100), (3_000, 300)], 250) == pytest.approx(2_500)


def test_a_limit_that_is_never_exceeded_has_no_crossing() -> None:
    assert crossing([(1_000, 100), (2_000, 200)], 250) is None
    assert crossing([(1_000, 100)], 250) is None


def test_a_limit_below_the_first_point_is_crossed_there() -> None:
    assert crossing([(1_000, 400), (2_000, 900)], 250) == 1_000
    assert crossing([(1_000, 400)], 250) == 1_000


def test_a_rate_without_decisions_is_above_every_limit() -> None:
    assert crossing([(1_000, 100), (2_000, float("inf"))], 250) == 1_000


def test_the_trend_is_of_the_end_of_a_long_run() -> None:
    filling = [(float(at), float(at)) for at in range(0, 600, 10)]
    flat = [(float(at), 600.0) for at in range(600, 1_800, 10)]
    found = growth_per_ten_minutes(filling + flat, last_s=1_200)
    assert found is not None
    assert abs(found) < 1
    of_all = growth_per_ten_minutes(filling + flat, last_s=1_800)
    assert of_all is not None
    assert of_all > 10


def test_one_sample_or_only_zeros_have_no_trend() -> None:
    assert growth_per_ten_minutes([(0.0, 5.0)], 1_200) is None
    assert growth_per_ten_minutes([(0.0, 0.0), (10.0, 0.0)], 1_200) is None
