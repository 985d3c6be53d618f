"""Which version holds at an event time, against a plain oracle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from udfs.control.timeline import ALWAYS, MAX_VERSIONS, Held, Timeline

_moments = st.integers(0, 20)
_sent = st.lists(st.tuples(st.integers(1, 12), _moments), max_size=MAX_VERSIONS - 1, unique_by=lambda each: each[0])


def expected(sent: list[tuple[int, int]], moment: int) -> int:
    """The highest version that is valid by then."""
    return max((version for version, valid_from in [(0, ALWAYS), *sent] if valid_from <= moment), default=0)


def line(sent: list[tuple[int, int]]) -> Timeline[str]:
    """A timeline that was told all of them."""
    timeline = Timeline("default")
    for version, valid_from in sent:
        timeline.add(Held(version, valid_from, str(version), b"record"))
    return timeline


@given(_sent, _moments)
def test_the_highest_version_that_is_valid_by_then_holds_in_whatever_order_they_came(
    sent: list[tuple[int, int]], moment: int
) -> None:
    assert line(sent).at(moment).version == expected(sent, moment)


@given(_sent, _moments, _moments)
def test_forgetting_changes_nothing_from_that_moment_on(sent: list[tuple[int, int]], horizon: int, later: int) -> None:
    timeline = line(sent)
    timeline.forget_before(horizon)
    assert timeline.at(horizon + later).version == expected(sent, horizon + later)
    assert sum(time <= horizon for time in timeline.times) == 0


def test_a_version_without_a_time_ends_all_before_it() -> None:
    timeline = line([(1, 10), (2, 15), (3, ALWAYS)])
    assert [held.version for held in timeline.records] == [3]
    assert not timeline.times


def test_versions_are_bounded_and_the_newest_stay() -> None:
    timeline = line([(version, version) for version in range(1, 3 * MAX_VERSIONS)])
    assert len(timeline.records) == MAX_VERSIONS
    assert timeline.newest.version == 3 * MAX_VERSIONS - 1
