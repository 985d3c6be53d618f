"""Histories of the payments that a filter lets pass, by the filter's name: none until the first one passes.

Most payments pass none, so a history is packed anew only after one has.
"""

from __future__ import annotations

from collections.abc import Mapping

from state.history import History
from state.packing import join_sections, split_sections


def pack_filtered(filtered: Mapping[str, History]) -> bytes:
    """As bytes; nothing where there is none."""
    if not filtered:
        return b""
    sections: list[bytes] = []
    for name, history in filtered.items():
        if history.packed is None:
            history.packed = history.pack()
        sections += (name.encode(), history.packed)
    return join_sections(sections)


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
    for name, packed in zip(sections[::2], sections[1::2], strict=True):
        filtered[name.decode()] = History(retention, capacity)
        filtered[name.decode()].unpack(packed)
    return filtered
