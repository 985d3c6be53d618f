"""Profiles of version 2, as version 3 has them.

Version 2 held columns of whole numbers of any size, keys without a sign, a table a kind of what is known, and texts.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from state.kernel.keys import short_key_of, signed
from state.kernel.sections import ProfileDamagedError, split_sections
from state.kernel.times import NEVER
from state.profiles import behavior, frequency_table, geo_and_channel
from state.windowing import distinct, raw_events, tiles
from state.windowing.history import History
from state.windowing.raw_events import Words

_OF_HISTORY = 6  # sections
_HEAD = struct.Struct("<Iqqq16s16s")  # events, base: count, high, last, units, squares
_SINCE = struct.Struct("<qI")  # of a stratum: from when on it holds keys, and how many
_ROOM = 1_024  # more than a history of version 2 had of anything
_WORD = 2**64

_WIDEST = 16
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_COLUMN = struct.Struct("<BI16s")  # bytes a value takes, count, smallest

_Recent = tuple[int, int | None, int | None, str | None, str | None]
_decode_places = msgspec.msgpack.Decoder(
    tuple[dict[int, list[int]], dict[str, int], dict[str, int], list[_Recent]]
).decode


def shared_from_version_2(sections: list[bytes]) -> list[bytes]:
    """A merchant or device; no filter let anything pass and no pattern had begun, since there were none."""
    *packed, frauds, times = sections
    keys = [signed(key) for key in _array("Q", frauds)]
    return [_history(packed).pack(), b"", b"", array("q", keys).tobytes(), times]


def user_from_version_2(sections: list[bytes]) -> list[bytes]:
    """A user; no filter let anything pass, since there was none."""
    ids, hours, merchants, visits, devices, first_uses, account_events, progress, places = sections[_OF_HISTORY:]
    habit = np.zeros(behavior.HABITS, np.int64)
    habit[: behavior.HOURS] = _array("I", hours)
    rows = [
        *((frequency_table.MERCHANT, signed(key), seen, 0, 0) for key, seen in _pairs(merchants, _array("I", visits))),
        *(
            (frequency_table.DEVICE, signed(key), 1, first, 0)
            for key, first in _pairs(devices, _array("q", first_uses))
        ),
    ]
    recent: list[tuple[int, int, int, int, int]] = []
    if places:
        cells, countries, channels, passed = _decode_places(places)
        rows += [(frequency_table.CELL, cell, *counted) for cell, counted in cells.items()]  # type: ignore[misc]  # three each
        rows += [(frequency_table.COUNTRY, short_key_of(name), seen, 0, 0) for name, seen in countries.items()]
        rows += [(frequency_table.CHANNEL, short_key_of(name), seen, 0, 0) for name, seen in channels.items()]
        recent = [_recent(one) for one in passed]
    habit[behavior.KNOWN], habit[behavior.RECENT] = len(rows), len(recent)
    packed = behavior.pack(habit, _table(rows, frequency_table.COLUMNS), _table(recent, geo_and_channel.COLUMNS))
    return [_history(sections[:_OF_HISTORY]).pack(), b"", progress, ids, packed, account_events]


def _pairs(keys: bytes, values: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(_array("Q", keys), values, strict=True))


def _recent(passed: _Recent) -> tuple[int, int, int, int, int]:
    time, latitude, longitude, country, channel = passed
    absent = geo_and_channel.ABSENT
    return (
        time,
        absent if latitude is None else latitude,
        absent if longitude is None else longitude,
        absent if country is None else short_key_of(country),
        absent if channel is None else short_key_of(channel),
    )


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> Words:
    """Rows as columns; whole numbers of version 2 fit into 64 bits, all but keys, which are signed by now."""
    return np.ascontiguousarray(np.array(rows, np.int64).reshape(len(rows), columns).T)


def _history(sections: Sequence[bytes]) -> History:
    head, times, sums, keys, declined, older = sections
    if len(head) != _HEAD.size:
        raise ProfileDamagedError("the head of a packed history has the wrong length")
    count, base_count, base_high, base_last, units, squares = _HEAD.unpack(head)
    if not len(times) == len(sums) - 8 == len(keys) == 8 * len(declined) == 8 * count:
        raise ProfileDamagedError("the columns of a packed history differ in length")
    # As large as it must be: what is too much is folded when it is read as version 3.
    history = History(2**62, _ROOM)
    history.recent_events = np.empty((raw_events.COLUMNS, max(count, 1)), np.int64)
    base = (base_count, 0, int.from_bytes(units, "little"), int.from_bytes(squares, "little"))
    _set_totals(history.head, raw_events.BASE_EVENTS, base)
    history.head[raw_events.BASE_HIGHEST], history.head[raw_events.BASE_LAST] = base_high, base_last
    if older:
        _take_older(history, older, base)
    amounts = [after - before for before, after in pairwise(_array("q", sums))]
    for row, (time, key, amount, refused) in enumerate(
        zip(_array("q", times), _array("Q", keys), amounts, declined, strict=True)
    ):
        seen = raw_events.seen_before(history.recent_events, row, signed(key))
        raw_events.insert(history.head, history.recent_events, row, time, signed(key), seen, refused, amount)
    return history


def _set_totals(head: Words, at: int, totals: tuple[int, int, int, int]) -> None:
    """Events, declined, units and squares, the last in two words."""
    count, declined, units, squares = totals
    head[at : at + 3] = count, declined, units
    head[at + 3], head[at + 4] = _halves(squares)


def _halves(squares: int) -> tuple[int, int]:
    low = squares % _WORD
    return squares // _WORD, low - _WORD if low >= _WORD // 2 else low


def _take_older(history: History, older: bytes, base: tuple[int, int, int, int]) -> None:
    """The tiles as running totals, and the strata as one table; what waited to be taken in is taken in."""
    packed, keys = split_sections(older)
    settled, waiting = (_tiles(part) for part in split_sections(packed))
    head = history.head
    totals = [sum(column) for column in zip(*(tile[2:6] for tile in (*settled, *waiting)), strict=True)] or [0] * 4
    count, _, units, squares = (whole - part for whole, part in zip(base, totals, strict=True))
    _set_totals(head, tiles.ORIGIN_EVENTS, (count, 0, units, squares))
    head[raw_events.BASE_DECLINED] = totals[1]
    history.tiles = np.empty((tiles.COLUMNS, len(settled) + len(waiting)), np.int64)
    running = [count, 0, units, squares]
    for row, (first, last, *added, low, high) in enumerate(settled):
        running = [before + more for before, more in zip(running, added, strict=True)]
        # Which amount came first is not known any more: the mean is what can be said.
        history.tiles[:, row] = (first, last, low, high, added[2] // added[0], *running[:3], *_halves(running[3]))
    head[tiles.TILES] = len(settled)
    for time, _, _, declined, amount, *_ in waiting:
        tiles.insert(head, history.tiles, time, declined, amount)
    _take_strata(history, [_stratum(part) for part in split_sections(keys)])


def _tiles(data: bytes) -> list[tuple[int, ...]]:
    return list(zip(*map(_column, split_sections(data)), strict=True)) if data else []


def _stratum(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    since, held = _SINCE.unpack_from(data)
    times_at = _SINCE.size + 8 * held
    keys = [signed(key) for key in _array("Q", data[_SINCE.size : times_at])]
    return since, list(zip(_column(data[times_at:]), keys, strict=True))


def _take_strata(history: History, strata: Sequence[tuple[int, list[tuple[int, int]]]]) -> None:
    head = history.head
    rows = sorted(entry for _, held in strata for entry in held)
    history.counterparties = _table([(key, time) for time, key in rows], distinct.COLUMNS)
    head[distinct.PARTIES], head[distinct.STRATA] = len(rows), len(strata)
    head[distinct.SINCE : distinct.SINCE + len(strata)] = [max(since, NEVER) for since, _ in strata]


def _column(data: bytes) -> list[int]:
    """Whole numbers of any size, each as its distance to the smallest in as few bytes as all need."""
    if not data:
        return []
    width, count, lowest = _COLUMN.unpack_from(data)
    low = int.from_bytes(lowest, "little", signed=True)
    body = data[_COLUMN.size :]
    if not width:
        return [low] * count
    if width == _WIDEST:
        return [low + int.from_bytes(body[i : i + _WIDEST], "little") for i in range(0, len(body), _WIDEST)]
    return [low + value for value in _array(_WIDTHS[width], body)]


def _array(code: str, data: bytes) -> array[int]:
    """The ``array`` of type ``code`` whose ``tobytes`` was ``data``."""
    values: array[int] = array(code)
    values.frombytes(data)
    return values
