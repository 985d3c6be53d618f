"""Packed profiles: a version byte, then sections, each with its length in front.

An older version is upgraded section by section, one version at a time; an unknown one is refused, since reading a
profile wrongly is worse than stopping.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

Upgrade = Callable[[list[bytes]], list[bytes]]
"""Turns the sections of version v into those of version v + 1."""


Packed = bytes | bytearray | memoryview
"""Bytes that are only to be joined with others."""


class ProfileVersionError(Exception):
    """The stored profile was written by a version of this program that this one does not know."""


class ProfileDamagedError(Exception):
    """The stored bytes are not a whole profile."""


_TABLES = [struct.Struct(f"<B{count}I") for count in range(256)]
"""Of lengths, by their number."""


def join_sections(sections: Sequence[Packed], before: bytes = b"") -> bytes:
    """Sections (at most 255) in one, behind a table of their lengths, and that behind ``before``."""
    count = len(sections)
    return b"".join((before, _TABLES[count].pack(count, *map(len, sections)), *sections))


def split_sections(data: bytes) -> list[bytes]:
    """What ``join_sections`` joined.

    Raises:
        ProfileDamagedError: if the bytes are cut short or run over.
    """
    count = data[0] if data else 0
    offset = 1 + 4 * count
    if len(data) < offset or sum(lengths := _TABLES[count].unpack_from(data)[1:]) != len(data) - offset:
        raise ProfileDamagedError(f"{len(data)} bytes of a packed profile do not fit their own table of lengths")
    ends = list(accumulate(lengths, initial=offset))
    return [data[start:end] for start, end in pairwise(ends)]


def seal(version: int, sections: Sequence[Packed]) -> bytes:
    """Join sections behind a version byte."""
    return join_sections(sections, bytes((version,)))


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


def words_of(data: bytes) -> npt.NDArray[np.int64]:
    """The array of 64-bit words whose ``tobytes`` was ``data``; it may be written to.

    Raises:
        ProfileDamagedError: if the bytes are no whole number of words.
    """
    if len(data) % 8:
        raise ProfileDamagedError(f"{len(data)} bytes are no whole number of words")
    return np.frombuffer(bytearray(data), np.int64)
