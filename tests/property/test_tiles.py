"""Windows over the tiles of a hot key: wrong by at most the tile in which a window starts."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.windowing import aggregates, tiles
from state.windowing.aggregates import OUT_WIDTH
from state.windowing.history import History
from state.windowing.tiles import FLOOR_MS, RELATIVE_WIDTH

Event = tuple[int, int, bool]

_events = st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 10**13), st.booleans()), min_size=1, max_size=120)
_CAPACITY = 8


def tiled(events: list[Event]) -> History:
    """A history of events in order of time, with hardly any recent ones."""
    history = History(retention=10**12, capacity=_CAPACITY)
    for time, units, declined in events:
        history.observe(time, 1, units, np.array([1]), np.empty((1, OUT_WIDTH)), declined=declined)
    return history


def after(history: History, start: int, newest: int) -> dict[str, float]:
    """The aggregates of all events after ``start``, up to the newest."""
    out = np.empty((1, OUT_WIDTH))
    history.observe(newest, 1, 0, np.array([newest - start]), out, counts=False)
    names = ("events", "declined", "units", "distinct", "spread", "low", "high", "first", "last")
    return dict(zip(names, out[0].tolist(), strict=True))


@settings(deadline=None)
@given(_events, st.integers(-1, 400_000))
def test_a_window_lies_between_those_a_tile_shorter_and_a_tile_longer(unordered: list[Event], start: int) -> None:
    events = sorted(unordered)
    newest = events[-1][0]
    window = after(tiled(events), start, newest)
    blur = max(FLOOR_MS, (newest - start) // RELATIVE_WIDTH + 1)
    longer = [event for event in events if event[0] > start - blur]
    shorter = [event for event in events if event[0] > start + blur]
    assert len(shorter) <= window["events"] <= len(longer)
    assert sum(units for _, units, _ in shorter) <= window["units"] * (1 + 1e-12)
    assert window["units"] <= sum(units for _, units, _ in longer) * (1 + 1e-12)
    assert sum(declined for *_, declined in shorter) <= window["declined"] <= sum(declined for *_, declined in longer)
    within = [units for time, units, _ in events if time > start]
    if within:
        assert window["high"] >= max(within)
        assert window["low"] <= min(within)
        assert window["high"] <= max(units for _, units, _ in longer)
        assert window["first"] in {units for _, units, _ in longer}


@settings(deadline=None)
@given(_events)
def test_a_window_over_all_events_is_exact(unordered: list[Event]) -> None:
    events = sorted(unordered)
    units = [one for _, one, _ in events]
    window = after(tiled(events), -1, events[-1][0])
    count, total = len(events), sum(units)
    assert window["events"] == count
    assert window["declined"] == sum(declined for *_, declined in events)
    assert window["units"] == float(total)
    assert window["spread"] == pytest.approx(count * sum(one * one for one in units) - total * total, rel=1e-15)
    assert (window["low"], window["high"]) == (min(units), max(units))


@settings(deadline=None)
@given(_events, st.data())
def test_a_restored_history_has_the_same_aggregates(unordered: list[Event], data: st.DataObject) -> None:
    events = sorted(unordered)
    cut = data.draw(st.integers(0, len(events)))
    in_memory = tiled(events[:cut])
    restored = History(retention=10**12, capacity=_CAPACITY, packed=in_memory.pack())
    for time, units, declined in events[cut:]:
        out = np.empty((2, 1, OUT_WIDTH))
        for history, row in zip((in_memory, restored), out, strict=True):
            history.observe(time, 1, units, np.array([100_000]), row, declined=declined)
        assert out[0].tolist() == out[1].tolist()
    assert in_memory.pack() == restored.pack()


@settings(deadline=None)
@given(_events, st.randoms(use_true_random=False))
def test_late_events_of_a_hot_key_are_all_counted_within_the_same_error(
    unordered: list[Event], chance: random.Random
) -> None:
    arrived = sorted(unordered, key=lambda event: event[0] - chance.choice((0, 0, 0, 200_000)))
    newest = max(time for time, *_ in arrived)
    history = tiled(arrived)
    window = after(history, -1, newest)
    units = [amount for _, amount, _ in arrived]
    assert (window["events"], window["units"]) == (len(arrived), float(sum(units)))
    assert window["declined"] == sum(declined for *_, declined in arrived)
    assert (window["low"], window["high"]) == (min(units), max(units))
    spread = len(units) * sum(one * one for one in units) - sum(units) ** 2
    assert window["spread"] == pytest.approx(spread, rel=1e-15)
    for start in range(0, 400_000, 40_000):
        blur = max(FLOOR_MS, (newest - start) // RELATIVE_WIDTH + 1)
        shorter, longer = (sum(time > start + sign * blur for time, *_ in arrived) for sign in (1, -1))
        assert shorter <= after(history, start, newest)["events"] <= longer


def test_a_flood_of_late_events_makes_no_more_tiles_than_one_on_time() -> None:
    chance = random.Random(1)
    history = tiled([(10**9 + number, 1, False) for number in range(2 * _CAPACITY)])
    for _ in range(20_000):
        history.observe(chance.randrange(10**9), chance.randrange(10**6), 1, np.array([1]), np.empty((1, OUT_WIDTH)))
    assert history.tiles.shape[1] <= 300
    assert after(history, -1, 10**9 + 2 * _CAPACITY)["events"] == 20_000 + 2 * _CAPACITY


def test_the_number_of_tiles_grows_with_the_logarithm_of_the_time() -> None:
    history = tiled([(second * 1_000, 1, False) for second in range(50_000)])
    assert history.head[tiles.TILE_COUNT] <= 300


def test_an_event_beyond_the_retention_is_alone_in_its_windows() -> None:
    history, out = History(retention=1_000, capacity=_CAPACITY), np.empty((1, OUT_WIDTH))
    history.observe(10_000, 1, 5, np.array([500]), out)
    history.observe(9_000, 1, 7, np.array([500]), out, declined=True)
    assert out[0].tolist() == [1, 1, 7, 1, 0, 7, 7, 7, 7]
    history.observe(10_000, 2, 9, np.array([500]), out)
    assert out[0, aggregates.EVENTS] == 2
