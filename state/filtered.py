"""Histories of the payments that a filter lets pass, by the filter's name: none until the first one passes."""

from __future__ import annotations

from collections.abc import Mapping

from state.history import History
from state.packing import join_sections, split_sections

_SECTIONS = 4  # of a packed history


def pack_filtered(filtered: Mapping[str, History]) -> bytes:
    """As bytes; nothing where there is none."""
    if not filtered:
        return b""
    return join_sections([part for name, one in filtered.items() for part in (name.encode(), *one.pack())])


def unpack_filtered(data: bytes, retention: int, capacity: int) -> dict[str, History]:
    """What ``pack_filtered`` packed.

    Args:
        data: the bytes.
        retention: of the histories, ms.
        capacity: likewise, events.

    Raises:
        ProfileDamagedError: if the bytes are cut short or run over.
    """
    if not data:
        return {}
    sections = split_sections(data)
    filtered = {}
    for at in range(0, len(sections), 1 + _SECTIONS):
        name, *packed = sections[at : at + 1 + _SECTIONS]
        filtered[name.decode()] = History(retention, capacity)
        filtered[name.decode()].unpack(packed)
    return filtered
