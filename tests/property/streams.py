"""Streams of payments as hypothesis makes them: bursts, pauses, equal times, late ones, repeated amounts."""

from __future__ import annotations

from hypothesis import strategies as st

from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from tests.oracles.features import Payment

START_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
LATENESS_MS = HOUR_MS

_gaps = st.one_of(
    st.just(0),
    st.integers(1, 20_000),
    st.integers(1, 10 * MINUTE_MS),
    st.integers(1, 8 * HOUR_MS),
    st.integers(1, 9 * DAY_MS),
    st.sampled_from([5 * MINUTE_MS, HOUR_MS, DAY_MS, 30 * DAY_MS]),  # to the millisecond: the window's open end
)
_lateness = st.one_of(st.just(0), st.just(0), st.integers(0, 30_000), st.integers(0, LATENESS_MS - 1))
_amounts = st.one_of(
    st.sampled_from([0.0, 1.5, 10.0, 100.0, 1_000.0, 1e9]), st.floats(0, 5_000).map(lambda amount: round(amount, 4))
)
_near_home = st.tuples(st.integers(48_000_000, 48_999_999), st.integers(16_000_000, 16_999_999)).map(
    lambda millionths: (millionths[0] / 1_000_000, millionths[1] / 1_000_000)
)
_places = st.one_of(
    st.none(),
    _near_home,
    _near_home,
    st.sampled_from([(48.21, 16.37), (48.210001, 16.37), (0.0, 180.0), (0.0, -180.0), (90.0, 0.0), (-33.9, 151.2)]),
)
_steps = st.tuples(
    _gaps,
    _lateness,
    _amounts,
    st.sampled_from("abcde"),
    st.booleans(),
    st.sampled_from([None, "phone", "laptop"]),
    _places,
    st.sampled_from([None, "AT", "AT", "DE", "IR"]),
    st.sampled_from([None, "pos", "web", "phone"]),
)


@st.composite
def payments(draw: st.DrawFn, at_most: int = 60) -> list[Payment]:
    """Payments in order of arrival, none later than ``LATENESS_MS`` behind the newest before it."""
    arrived: list[Payment] = []
    newest = START_MS
    for gap, lateness, *rest in draw(st.lists(_steps, min_size=1, max_size=at_most)):
        newest += gap
        arrived.append(Payment(newest - lateness, *rest))
    return arrived
