"""Distinct counterparties of a hot key's older events: how many since any moment, in bounded memory.

A key counts at the last time it was seen. Strata hold last times, the newest in stratum 0. When a stratum exceeds
``STRATUM_CAPACITY``, it keeps its newest keys, half that many, and passes the others to the next one. Stratum d accepts
every 2^d-th key, chosen by hash, so each stratum reaches back about twice as far as the one above, and each of its keys
stands for 2^d keys.

Error: none while no stratum has overflowed. After that, the estimate is unbiased, with a relative standard error of at
most 0.9 / sqrt(STRATUM_CAPACITY), which is 8 % for 128 keys, however many keys there are.
Source: Gibbons and Tirthapura, "Distributed streams algorithms for sliding windows" (2002), with each key in one level
only: this takes fewer bytes, and the newest keys, which all windows share, stay exact.
"""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.times import NEVER
from state.kernel.types import Words
from state.windowing.tiles import HEAD_WORDS as TILE_HEAD_WORDS

STRATUM_CAPACITY = 128
"""Maximum number of keys in a stratum."""
MAX_STRATA = 24
"""Enough for STRATUM_CAPACITY * 2^23 keys; the last stratum is unbounded."""

KEY, LAST = range(2)
"""Columns: key, and time it was last seen (ms). Rows are in order of that time, across strata."""
COUNTERPARTY_COLUMNS = 2

COUNTERPARTY_COUNT = TILE_HEAD_WORDS
"""Continues the head of the tiles: number of keys, number of strata, and for each stratum the time (ms, exclusive)
since which it holds keys."""
STRATUM_COUNT = COUNTERPARTY_COUNT + 1
STRATUM_SINCE = COUNTERPARTY_COUNT + 2
HEAD_WORDS = STRATUM_SINCE + MAX_STRATA


@compiled
def clear_counterparties(head: Words) -> None:
    """Remove all keys. Counting stays enabled, or disabled."""
    head[COUNTERPARTY_COUNT] = 0
    if head[STRATUM_COUNT]:
        head[STRATUM_COUNT] = 1
        head[STRATUM_SINCE] = NEVER


@compiled
def enable_distinct(head: Words) -> None:
    """Enable counting in the head of a new history, which is all zeros; without it no keys are stored."""
    head[STRATUM_COUNT], head[STRATUM_SINCE] = 1, NEVER


@compiled
def _first_after(head: Words, counterparties: Words, moment: int) -> int:
    return first_after(counterparties[LAST], head[COUNTERPARTY_COUNT], moment)


@compiled
def count_distinct(head: Words, counterparties: Words, start: int) -> int:
    """Estimate the number of keys last seen after ``start`` (ms). O(strata * log keys)."""
    total, end = 0, head[COUNTERPARTY_COUNT]
    for depth in range(head[STRATUM_COUNT]):
        since = head[STRATUM_SINCE + depth]
        first = _first_after(head, counterparties, max(start, since))
        total += (end - first) << depth
        if start >= since:
            break
        end = first
    return total


@compiled
def remove_counterparty(head: Words, counterparties: Words, key: int) -> None:
    """Remove a key, which is among the recent events from now on."""
    row = _find(head, counterparties, key)
    if row >= 0:
        _remove_row(head, counterparties, row)


@compiled
def add_counterparty(head: Words, counterparties: Words, key: int, time: int) -> None:
    """Add a key, or update its time if that is newer; in order or late. Requires capacity for one more key."""
    if not head[STRATUM_COUNT]:
        return
    row = _find(head, counterparties, key)
    if row >= 0:
        if counterparties[LAST, row] >= time:
            return
        _remove_row(head, counterparties, row)
    _insert(head, counterparties, key, time)


@compiled
def _find(head: Words, counterparties: Words, key: int) -> int:
    for row in range(head[COUNTERPARTY_COUNT] - 1, -1, -1):
        if counterparties[KEY, row] == key:
            return row
    return -1


@compiled
def _remove_row(head: Words, counterparties: Words, row: int) -> None:
    last = head[COUNTERPARTY_COUNT] - 1
    for column in range(COUNTERPARTY_COLUMNS):
        for i in range(row, last):
            counterparties[column, i] = counterparties[column, i + 1]
    head[COUNTERPARTY_COUNT] = last


@compiled
def _insert(head: Words, counterparties: Words, key: int, time: int) -> None:
    depth = 0
    while depth < head[STRATUM_COUNT] - 1 and time <= head[STRATUM_SINCE + depth]:
        depth += 1
    if key & ((1 << depth) - 1) or time <= head[STRATUM_SINCE + depth]:
        return
    row = _first_after(head, counterparties, time)
    for column in range(COUNTERPARTY_COLUMNS):
        for i in range(head[COUNTERPARTY_COUNT], row, -1):
            counterparties[column, i] = counterparties[column, i - 1]
    counterparties[KEY, row], counterparties[LAST, row] = key, time
    head[COUNTERPARTY_COUNT] += 1


@compiled
def rebalance_strata(head: Words, counterparties: Words) -> None:
    """Pass the oldest keys of overfull strata to the next ones."""
    end, depth = head[COUNTERPARTY_COUNT], 0
    while depth < head[STRATUM_COUNT]:
        first = _first_after(head, counterparties, head[STRATUM_SINCE + depth])
        if end - first > STRATUM_CAPACITY and depth + 1 < MAX_STRATA:
            since = counterparties[LAST, end - STRATUM_CAPACITY // 2]
            if depth + 1 == head[STRATUM_COUNT]:
                head[STRATUM_SINCE + depth + 1] = head[STRATUM_SINCE + depth]
                head[STRATUM_COUNT] += 1
            head[STRATUM_SINCE + depth] = since
            first = _first_after(head, counterparties, since)
            mask = (1 << (depth + 1)) - 1
            end = _sample(
                head, counterparties, _first_after(head, counterparties, head[STRATUM_SINCE + depth + 1]), first, mask
            )
        else:
            end = first
        depth += 1


@compiled
def _sample(head: Words, counterparties: Words, first: int, end: int, mask: int) -> int:
    """Remove the keys with a bit of ``mask`` from the rows ``first`` to ``end``; return the new end of these rows."""
    target = first
    for row in range(first, head[COUNTERPARTY_COUNT]):
        if row >= end or not counterparties[KEY, row] & mask:
            counterparties[KEY, target], counterparties[LAST, target] = (
                counterparties[KEY, row],
                counterparties[LAST, row],
            )
            target += 1
    evicted = head[COUNTERPARTY_COUNT] - target
    head[COUNTERPARTY_COUNT] = target
    return end - evicted


@compiled
def evict_counterparties(head: Words, counterparties: Words, moment: int) -> None:
    """Remove the keys last seen at or before a moment, and the strata that are then unused."""
    evicted = _first_after(head, counterparties, moment)
    if evicted:
        remaining = head[COUNTERPARTY_COUNT] - evicted
        for column in range(COUNTERPARTY_COLUMNS):
            for row in range(remaining):
                counterparties[column, row] = counterparties[column, row + evicted]
        head[COUNTERPARTY_COUNT] = remaining
    for depth in range(head[STRATUM_COUNT]):
        if head[STRATUM_SINCE + depth] <= moment:
            head[STRATUM_SINCE + depth] = NEVER
            head[STRATUM_COUNT] = depth + 1
            return
