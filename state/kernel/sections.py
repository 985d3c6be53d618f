"""Binary format of stored profiles: a version byte, a table of section lengths, and the sections.

An older version is upgraded section by section, one version at a time. An unknown version is refused: reading a profile
wrongly is worse than stopping.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np

from state.kernel.types import Words

Packed = bytes | bytearray | memoryview
"""Bytes that are only joined with others."""

Upgrade = Callable[[list[bytes]], list[bytes]]
"""Turns the sections of version v into those of version v + 1."""

Step = TypeVar("Step")


class ProfileVersionError(Exception):
    """The stored bytes have a version that this program does not read."""


class ProfileDamagedError(Exception):
    """The stored bytes are truncated or inconsistent."""


_LENGTH_TABLES = [struct.Struct(f"<B{count}I") for count in range(256)]
"""By number of sections: that number (uint8) and the length of each section (uint32)."""


def join_sections(sections: Sequence[Packed], prefix: bytes = b"") -> bytes:
    """Concatenate a prefix, the table of section lengths, and the sections (at most 255)."""
    count = len(sections)
    return b"".join((prefix, _LENGTH_TABLES[count].pack(count, *map(len, sections)), *sections))


def split_sections(data: bytes) -> list[bytes]:
    """Split bytes made by ``join_sections`` without a prefix.

    Raises:
        ProfileDamagedError: if the section lengths do not add up to the length of the data.
    """
    count = data[0] if data else 0
    offset = 1 + 4 * count
    if len(data) < offset or sum(lengths := _LENGTH_TABLES[count].unpack_from(data)[1:]) != len(data) - offset:
        raise ProfileDamagedError(f"{len(data)} bytes of a packed profile do not fit their own table of lengths")
    bounds = list(accumulate(lengths, initial=offset))
    return [data[start:end] for start, end in pairwise(bounds)]


def encode_versioned(version: int, sections: Sequence[Packed]) -> bytes:
    """Join sections behind a version byte."""
    return join_sections(sections, bytes((version,)))


def decode_versioned(data: bytes, kind: str, version: int, upgrades: Mapping[int, Upgrade]) -> list[bytes]:
    """Split a stored profile into sections and upgrade them to ``version``.

    Args:
        data: made by ``encode_versioned``, in this version or an older one.
        kind: kind of profile, for error messages (``user``).
        version: the version to return.
        upgrades: by stored version, the step to the next one.

    Raises:
        ProfileVersionError: if no chain of steps leads from the stored version to ``version``.
        ProfileDamagedError: if the bytes are truncated or inconsistent.
    """
    if not data:
        raise ProfileDamagedError(f"no bytes where a packed {kind} profile should be")
    steps = upgrade_steps(data[0], version, upgrades, f"the stored {kind} profile")
    sections = split_sections(data[1:])
    for step in steps:
        sections = step(sections)
    return sections


def upgrade_steps(stored: int, version: int, upgrades: Mapping[int, Step], subject: str) -> list[Step]:
    """List the steps that lead from a stored version to the current one.

    Args:
        stored: the version read from the bytes.
        version: the current version.
        upgrades: by stored version, the step to the next one.
        subject: the stored thing, for the error message.

    Raises:
        ProfileVersionError: if the stored version is newer, or a step is missing.
    """
    if stored > version or any(step not in upgrades for step in range(stored, version)):
        raise ProfileVersionError(
            f"{subject} has version {stored}, this program reads {_readable(version, upgrades)}: "
            "run the program that wrote it, or a newer one"
        )
    return [upgrades[step] for step in range(stored, version)]


def _readable(version: int, upgrades: Mapping[int, Step]) -> str:
    oldest = version
    while oldest - 1 in upgrades:
        oldest -= 1
    return f"version {version}" if oldest == version else f"versions {oldest} to {version}"


def words_of(data: bytes) -> Words:
    """Copy bytes into a writable array of 64-bit words, the inverse of ``tobytes``.

    Raises:
        ProfileDamagedError: if the length is not a multiple of 8.
    """
    if len(data) % 8:
        raise ProfileDamagedError(f"{len(data)} bytes are no whole number of words")
    return np.frombuffer(bytearray(data), np.int64)
