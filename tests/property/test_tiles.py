"""Tiles tell of windows over a hot key's past: never off by more than the tile that a window starts in."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from state.tiles import FLOOR_MS, RELATIVE_WIDTH, Tiles, tiles_of

Event = tuple[int, int, bool]

_events = st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 10**13), st.booleans()), min_size=1, max_size=120)


def tiled(events: list[Event], chunk: int = 40) -> Tiles:
    """Tiles of events in order of time, taken as a history takes them: a chunk at a time."""
    tiles = Tiles()
    for begin in range(0, len(events), chunk):
        times, units, declined = zip(*events[begin : begin + chunk], strict=True)
        sums = list(accumulate(units, initial=0))
        squares = list(accumulate((one * one for one in units), initial=0))
        tiles.append(tiles_of(times, sums, squares, bytes(declined), times[-1]), times[-1])
    return tiles


@given(_events, st.integers(-1, 400_000))
def test_a_window_lies_between_those_a_tile_shorter_and_a_tile_longer(unordered: list[Event], start: int) -> None:
    events = sorted(unordered)
    told = tiled(events).after(start)
    blur = max(FLOOR_MS, (events[-1][0] - start) // RELATIVE_WIDTH + 1)
    longer = [event for event in events if event[0] > start - blur]
    shorter = [event for event in events if event[0] > start + blur]
    assert len(shorter) <= told.events <= len(longer)
    assert sum(units for _, units, _ in shorter) <= told.units <= sum(units for _, units, _ in longer)
    assert sum(declined for *_, declined in shorter) <= told.declined <= sum(declined for *_, declined in longer)
    within = [units for time, units, _ in events if time > start]
    if within:
        assert told.high >= max(within)
        assert told.low <= min(within)
        assert told.high <= max(units for _, units, _ in longer)


@given(_events)
def test_the_whole_past_is_told_exactly(unordered: list[Event]) -> None:
    events = sorted(unordered)
    units = [one for _, one, _ in events]
    told = tiled(events).after(-1)
    assert told == (
        len(events),
        sum(declined for *_, declined in events),
        sum(units),
        sum(one * one for one in units),
        min(units),
        max(units),
    )


@given(_events)
def test_packed_tiles_come_back_as_they_were(unordered: list[Event]) -> None:
    tiles = tiled(sorted(unordered))
    restored = Tiles.unpack(tiles.pack())
    assert [restored.after(start) for start in range(0, 400_000, 9_999)] == [
        tiles.after(start) for start in range(0, 400_000, 9_999)
    ]


def test_the_number_of_tiles_grows_with_the_logarithm_of_the_time() -> None:
    assert len(tiled([(second * 1_000, 1, False) for second in range(50_000)], chunk=128)) <= 300
