"""Filtered histories: by filter name, the history of the events that pass the filter.

A history is made when the first event passes. Few events pass a filter, so the packed form of each history is cached
until it changes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Protocol

from state.kernel.sections import ProfileDamagedError, join_sections, split_sections
from state.windowing.history import History, pack

FILTERED_CAPACITY = 128
"""Recent events in a filtered history: the hottest key with all its filtered histories must fit into 32 KB."""
_PARAMETERS = struct.Struct("<q?")  # retention (ms), and whether distinct counterparties are counted


def get_or_create_history(filtered: dict[str, History], name: str, retention: int, *, counts_distinct: bool) -> History:
    """Return the history of a filter, with its retention updated.

    Args:
        filtered: histories by filter name; a new one is added.
        name: filter name.
        retention: longest window plus lateness, ms.
        counts_distinct: whether a new history counts distinct counterparties of a hot key's older events.
    """
    history = filtered.get(name)
    if history is None:
        filtered[name] = history = History(retention, FILTERED_CAPACITY, counts_distinct=counts_distinct)
    history.retention = retention
    return history


class HasFiltered(Protocol):
    """A profile with filtered histories.

    Attributes:
        filtered: histories by filter name.
    """

    filtered: dict[str, History]


def pack_histories(profiles: Iterable[HasFiltered]) -> None:
    """Pack the changed filtered histories of all profiles in one pass."""
    changed = [history for profile in profiles for history in profile.filtered.values() if not history.packed]
    if changed:
        for history, packed in zip(changed, pack(changed), strict=True):
            history.packed = packed


def pack_filtered(filtered: Mapping[str, History]) -> bytes:
    """Join the packed histories; requires ``pack_histories``. Empty if there are none."""
    if not filtered:
        return b""
    sections: list[bytes] = []
    # Sorted, because the order of creation can depend on how events are batched.
    for name, history in sorted(filtered.items()):
        sections += (name.encode(), _PARAMETERS.pack(history.retention, history.counts_distinct), history.packed)
    return join_sections(sections)


def unpack_filtered(data: bytes) -> dict[str, History]:
    """Restore the histories packed by ``pack_filtered``.

    Raises:
        ProfileDamagedError: if the bytes are truncated or inconsistent.
    """
    if not data:
        return {}
    sections = split_sections(data)
    filtered = {}
    for name, parameters, packed in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
        if len(parameters) != _PARAMETERS.size:
            raise ProfileDamagedError("the parameters of a filtered history have the wrong length")
        retention, counts_distinct = _PARAMETERS.unpack(parameters)
        filtered[name.decode()] = History(retention, FILTERED_CAPACITY, counts_distinct=counts_distinct, packed=packed)
    return filtered
