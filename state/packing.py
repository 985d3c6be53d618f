"""Packed profiles: a version byte, then sections, each with its length in front.

An older version is upgraded section by section, one version at a time; an unknown one is refused, since reading a
profile wrongly is worse than stopping.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise

Upgrade = Callable[[list[bytes]], list[bytes]]
"""Turns the sections of version v into those of version v + 1."""

_WIDEST = 16
_WIDTHS = {0: "", 1: "B", 2: "H", 4: "I", 8: "Q", _WIDEST: ""}
"""Bytes a value of a column may take, and the array code of each."""
_COLUMN = struct.Struct("<BI16s")  # width, count, smallest


class ProfileVersionError(Exception):
    """The stored profile was written by a version of this program that this one does not know."""


class ProfileDamagedError(Exception):
    """The stored bytes are not a whole profile."""


def join_sections(sections: Sequence[bytes]) -> bytes:
    """Sections (at most 255) in one, behind a table of their lengths."""
    count = len(sections)
    return b"".join((struct.pack(f"<B{count}I", count, *map(len, sections)), *sections))


def split_sections(data: bytes) -> list[bytes]:
    """What ``join_sections`` joined.

    Raises:
        ProfileDamagedError: if the bytes are cut short or run over.
    """
    count = data[0] if data else 0
    offset = 1 + 4 * count
    if len(data) < offset or sum(lengths := struct.unpack_from(f"<{count}I", data, 1)) != len(data) - offset:
        raise ProfileDamagedError(f"{len(data)} bytes of a packed profile do not fit their own table of lengths")
    ends = list(accumulate(lengths, initial=offset))
    return [data[start:end] for start, end in pairwise(ends)]


def seal(version: int, sections: Sequence[bytes]) -> bytes:
    """Join sections behind a version byte."""
    return bytes((version,)) + join_sections(sections)


def open_sealed(data: bytes, kind: str, version: int, upgrades: Mapping[int, Upgrade]) -> list[bytes]:
    """The sections of a packed profile, brought up to ``version``.

    Args:
        data: what ``seal`` made, by this version or an older one.
        kind: what the profile is of, for the message (``user``).
        version: the version wanted.
        upgrades: by old version, the step to the next one.

    Raises:
        ProfileVersionError: if there is no way from the stored version to the one wanted.
        ProfileDamagedError: if the bytes are cut short or run over.
    """
    if not data:
        raise ProfileDamagedError(f"no bytes where a packed {kind} profile should be")
    stored = data[0]
    if stored > version or any(step not in upgrades for step in range(stored, version)):
        raise ProfileVersionError(
            f"the stored {kind} profile has version {stored}, this program reads {_readable(version, upgrades)}: "
            "run the program that wrote it, or a newer one"
        )
    sections = split_sections(data[1:])
    for step in range(stored, version):
        sections = upgrades[step](sections)
    return sections


def _readable(version: int, upgrades: Mapping[int, Upgrade]) -> str:
    oldest = version
    while oldest - 1 in upgrades:
        oldest -= 1
    return f"version {version}" if oldest == version else f"versions {oldest} to {version}"


def pack_column(values: Sequence[int]) -> bytes:
    """Pack integers of any size up to 2^127, in as few bytes each as the distance to the smallest needs.

    Some 60 ns a value, so for what is packed seldom; what changes with every event is packed by ``array.tobytes``.
    """
    if not values:
        return b""
    low = min(values)
    bits = (max(values) - low).bit_length()
    width = next(width for width in _WIDTHS if bits <= 8 * width)
    head = _COLUMN.pack(width, len(values), low.to_bytes(_WIDEST, "little", signed=True))
    if not width:
        return head
    if width == _WIDEST:
        return head + b"".join([(value - low).to_bytes(_WIDEST, "little") for value in values])
    return head + array(_WIDTHS[width], [value - low for value in values]).tobytes()


def unpack_column(data: bytes) -> list[int]:
    """What ``pack_column`` packed."""
    if not data:
        return []
    width, count, lowest = _COLUMN.unpack_from(data)
    low = int.from_bytes(lowest, "little", signed=True)
    if not width:
        return [low] * count
    body = data[_COLUMN.size :]
    if width == _WIDEST:
        return [low + int.from_bytes(body[i : i + _WIDEST], "little") for i in range(0, len(body), _WIDEST)]
    return [low + value for value in unpack_array(_WIDTHS[width], body)]


def unpack_array(code: str, data: bytes) -> array[int]:
    """The ``array`` of type ``code`` whose ``tobytes`` was ``data``."""
    values: array[int] = array(code)
    values.frombytes(data)
    return values
