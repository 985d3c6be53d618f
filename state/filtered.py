"""Histories of the payments that a filter lets pass, by the filter's name: none until the first one passes.

Most payments pass none, so a history is packed anew only after one has.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from state.history import History
from state.packing import ProfileDamagedError, join_sections, split_sections

_RETENTION = struct.Struct("<q")


def filtered_history(filtered: dict[str, History], whole: History, name: str, retention: int) -> History:
    """The history of a filter, made if need be.

    Args:
        filtered: those there are.
        whole: of all payments.
        name: of the filter.
        retention: how far back its windows and lateness reach, ms; not further than ``whole`` does.
    """
    history = filtered.get(name)
    if history is None:
        filtered[name] = history = History(retention, whole.capacity)
    history.retention = max(history.retention, retention)
    return history


def pack_filtered(filtered: Mapping[str, History]) -> bytes:
    """As bytes; nothing where there is none."""
    if not filtered:
        return b""
    sections: list[bytes] = []
    for name, history in filtered.items():
        if history.packed is None:
            history.packed = history.pack()
        sections += (name.encode(), _RETENTION.pack(history.retention), history.packed)
    return join_sections(sections)


def unpack_filtered(data: bytes, capacity: int) -> dict[str, History]:
    """What ``pack_filtered`` packed.

    Args:
        data: the bytes.
        capacity: of the histories, events.

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
        (reaches,) = _RETENTION.unpack(retention)
        filtered[name.decode()] = history = History(reaches, capacity)
        history.unpack(packed)
    return filtered
