"""Histories of the payments that a filter lets pass, by the filter's name: none until the first one passes.

Most payments pass none, so a history is packed anew only after one has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Protocol

from state.kernel.sections import ProfileDamagedError, join_sections, split_sections
from state.windowing.history import History, pack

CAPACITY = 128
"""Events that a filtered history keeps one by one: the hottest key must fit into 32 KB with those of all filters."""
_RETENTION = struct.Struct("<q?")  # and whether it knows the parties of its older past


def filtered_history(filtered: dict[str, History], name: str, retention: int, *, parties: bool) -> History:
    """The history of a filter, made if need be.

    Args:
        filtered: those there are.
        name: of the filter.
        retention: how far back its windows and lateness reach, ms; from now on.
        parties: whether somebody asks for different parties; of a history that there is, nothing changes.
    """
    history = filtered.get(name)
    if history is None:
        filtered[name] = history = History(retention, CAPACITY, parties=parties)
    history.retention = retention
    return history


class HasFiltered(Protocol):
    """A profile, as far as its filtered histories are concerned."""

    filtered: dict[str, History]


def pack_histories(profiles: Iterable[HasFiltered]) -> None:
    """Pack those histories of the profiles that have changed, in one pass."""
    changed = [history for profile in profiles for history in profile.filtered.values() if not history.packed]
    if changed:
        for history, packed in zip(changed, pack(changed), strict=True):
            history.packed = packed


def pack_filtered(filtered: Mapping[str, History]) -> bytes:
    """As bytes, after ``pack_histories``; nothing where there is none."""
    if not filtered:
        return b""
    sections: list[bytes] = []
    # By name: which filter let something pass first may depend on how payments are cut into batches.
    for name, history in sorted(filtered.items()):
        sections += (name.encode(), _RETENTION.pack(history.retention, history.counts_distinct), history.packed)
    return join_sections(sections)


def unpack_filtered(data: bytes) -> dict[str, History]:
    """What ``pack_filtered`` packed.

    Raises:
        ProfileDamagedError: if the bytes are cut short or run over.
    """
    if not data:
        return {}
    sections = split_sections(data)
    filtered = {}
    for name, retention, packed in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
        if len(retention) != _RETENTION.size:
            raise ProfileDamagedError("a filtered history does not say how far back it goes")
        reaches, parties = _RETENTION.unpack(retention)
        filtered[name.decode()] = history = History(reaches, CAPACITY, parties=parties)
        history.unpack(packed)
    return filtered
