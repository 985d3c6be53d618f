"""How many different keys were seen since a moment, in bounded memory, for the older past of a hot key.

A key counts at the last time it was seen. Strata hold last times, the newest in stratum 0. A stratum that grows over
``CAPACITY`` keeps the newest half of that and hands the others down, and stratum d takes only every 2^d-th key, chosen
by hash; so each reaches back about twice as far as the one before. A stratum's keys stand for 2^d keys each.

Error: none while no stratum was full. Beyond, the estimate is unbiased and its relative standard error at most
0.9 / sqrt(CAPACITY): 8 % for 128 keys, whatever the number of keys.
Source: Gibbons and Tirthapura, "Distributed streams algorithms for sliding windows" (2002), with every key in one
level only: fewer bytes, and the newest keys, which all windows share, stay exact.
"""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.times import NEVER
from state.windowing.raw_events import Words
from state.windowing.tiles import HEAD as HEAD_OF_TILES

CAPACITY = 128
"""Keys a stratum holds at most."""
STRATA_AT_MOST = 24
"""Enough for CAPACITY * 2^23 keys; the last one is allowed to grow."""

KEY, LAST = range(2)
"""Columns: the key, and when it was seen last (ms); in order of that, whatever the stratum."""
COLUMNS = 2

PARTIES = HEAD_OF_TILES
"""The head goes on: how many keys there are, how many strata, and from when on (ms, exclusive) each holds keys."""
STRATA = PARTIES + 1
SINCE = PARTIES + 2
HEAD = SINCE + STRATA_AT_MOST


@compiled
def begin(head: Words) -> None:
    """No keys, one stratum; of a history that keeps none (``keep_none``), still none."""
    head[PARTIES] = 0
    if head[STRATA]:
        head[STRATA] = 1
        head[SINCE] = NEVER


def keep_all(head: Words) -> None:
    """Keep keys."""
    head[PARTIES], head[STRATA], head[SINCE] = 0, 1, NEVER


def keep_none(head: Words) -> None:
    """Keep no keys: nobody asks how many there are."""
    head[PARTIES] = head[STRATA] = 0


@compiled
def _first_after(head: Words, parties: Words, moment: int) -> int:
    return first_after(parties[LAST], head[PARTIES], moment)


@compiled
def count(head: Words, parties: Words, start: int) -> int:
    """Different keys last seen after ``start`` (ms). O(strata * log keys)."""
    counted, end = 0, head[PARTIES]
    for depth in range(head[STRATA]):
        since = head[SINCE + depth]
        first = _first_after(head, parties, max(start, since))
        counted += (end - first) << depth
        if start >= since:
            break
        end = first
    return counted


@compiled
def discard(head: Words, parties: Words, key: int) -> None:
    """Forget a key that is kept elsewhere from now on."""
    row = _find(head, parties, key)
    if row >= 0:
        _remove(head, parties, row)


@compiled
def see(head: Words, parties: Words, key: int, time: int) -> None:
    """Note that a key was seen, in order or late. Needs room."""
    if not head[STRATA]:
        return
    row = _find(head, parties, key)
    if row >= 0:
        if parties[LAST, row] >= time:
            return
        _remove(head, parties, row)
    _place(head, parties, key, time)


@compiled
def _find(head: Words, parties: Words, key: int) -> int:
    for row in range(head[PARTIES] - 1, -1, -1):
        if parties[KEY, row] == key:
            return row
    return -1


@compiled
def _remove(head: Words, parties: Words, row: int) -> None:
    last = head[PARTIES] - 1
    for column in range(COLUMNS):
        for i in range(row, last):
            parties[column, i] = parties[column, i + 1]
    head[PARTIES] = last


@compiled
def _place(head: Words, parties: Words, key: int, time: int) -> None:
    depth = 0
    while depth < head[STRATA] - 1 and time <= head[SINCE + depth]:
        depth += 1
    if key & ((1 << depth) - 1) or time <= head[SINCE + depth]:
        return
    row = _first_after(head, parties, time)
    for column in range(COLUMNS):
        for i in range(head[PARTIES], row, -1):
            parties[column, i] = parties[column, i - 1]
    parties[KEY, row], parties[LAST, row] = key, time
    head[PARTIES] += 1


@compiled
def bound(head: Words, parties: Words) -> None:
    """Hand down what is too much for a stratum."""
    end, depth = head[PARTIES], 0
    while depth < head[STRATA]:
        first = _first_after(head, parties, head[SINCE + depth])
        if end - first > CAPACITY and depth + 1 < STRATA_AT_MOST:
            since = parties[LAST, end - CAPACITY // 2]
            if depth + 1 == head[STRATA]:
                head[SINCE + depth + 1] = head[SINCE + depth]
                head[STRATA] += 1
            head[SINCE + depth] = since
            first = _first_after(head, parties, since)
            mask = (1 << (depth + 1)) - 1
            end = _keep_sampled(head, parties, _first_after(head, parties, head[SINCE + depth + 1]), first, mask)
        else:
            end = first
        depth += 1


@compiled
def _keep_sampled(head: Words, parties: Words, first: int, end: int, mask: int) -> int:
    """Of the rows from ``first`` to before ``end``, keep those whose key has no bit of ``mask``; say where they end."""
    kept = first
    for row in range(first, head[PARTIES]):
        if row >= end or not parties[KEY, row] & mask:
            parties[KEY, kept], parties[LAST, kept] = parties[KEY, row], parties[LAST, row]
            kept += 1
    gone = head[PARTIES] - kept
    head[PARTIES] = kept
    return end - gone


@compiled
def forget_until(head: Words, parties: Words, moment: int) -> None:
    """Drop what is not after ``moment``, and the strata that are then no longer needed."""
    old = _first_after(head, parties, moment)
    if old:
        left = head[PARTIES] - old
        for column in range(COLUMNS):
            for row in range(left):
                parties[column, row] = parties[column, row + old]
        head[PARTIES] = left
    for depth in range(head[STRATA]):
        if head[SINCE + depth] <= moment:
            head[SINCE + depth] = NEVER
            head[STRATA] = depth + 1
            return
