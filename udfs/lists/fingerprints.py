"""The fingerprints of the listed entities of a shard: 4 bytes each, so that those on no list cost one look at a bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MERGE_AT = 1_024
_BITS_PER_ENTRY = 16
_MIN_BITS = 1 << 13


class Fingerprints:
    """A set of CRC-32 numbers: a sorted array, a bitmap in front of it, and the changes since they were made.

    Args:
        packed: as ``pack`` gave it.
    """

    __slots__ = ("_added", "_bits", "_dropped", "_mask", "_sorted")

    def __init__(self, packed: bytes = b"") -> None:
        self._added: set[int] = set()
        self._dropped: set[int] = set()
        self._index(np.frombuffer(packed, "<u4"))

    def __len__(self) -> int:
        return len(self._sorted) + len(self._added) - len(self._dropped)

    def __contains__(self, fingerprint: int) -> bool:
        place = fingerprint & self._mask
        if not self._bits[place >> 3] >> (place & 7) & 1:
            return False
        if fingerprint in self._added:
            return True
        return fingerprint not in self._dropped and self._is_sorted_in(fingerprint)

    def add(self, fingerprint: int) -> None:
        """Add a number."""
        if fingerprint in self:
            return
        if fingerprint in self._dropped:
            self._dropped.remove(fingerprint)
            return
        place = fingerprint & self._mask
        self._bits[place >> 3] |= 1 << (place & 7)
        self._added.add(fingerprint)
        if len(self._added) >= _MERGE_AT:
            self._merge()

    def discard(self, fingerprint: int) -> None:
        """Remove a number, which may be absent."""
        if fingerprint in self._added:
            self._added.remove(fingerprint)
        elif fingerprint in self:
            self._dropped.add(fingerprint)
            if len(self._dropped) >= _MERGE_AT:
                self._merge()

    def some(self, begin: int, count: int) -> list[int]:
        """At most ``count`` of the numbers, in order from place ``begin`` on; fewer at the end."""
        if self._added or self._dropped:
            self._merge()
        return [int(one) for one in self._sorted[begin : begin + count]]

    def pack(self) -> bytes:
        """Pack to bytes, 4 for each number."""
        if self._added or self._dropped:
            self._merge()
        return self._sorted.astype("<u4").tobytes()

    def _is_sorted_in(self, fingerprint: int) -> bool:
        place = int(self._sorted.searchsorted(np.uint32(fingerprint)))
        return place < len(self._sorted) and int(self._sorted[place]) == fingerprint

    def _merge(self) -> None:
        remaining = self._sorted
        if self._dropped:
            remaining = remaining[~np.isin(remaining, np.fromiter(self._dropped, np.uint32, len(self._dropped)))]
        if self._added:
            added = np.sort(np.fromiter(self._added, np.uint32, len(self._added)))
            remaining = np.insert(remaining, remaining.searchsorted(added), added)
        self._added.clear()
        self._dropped.clear()
        self._index(remaining)

    def _index(self, numbers: NDArray[np.uint32]) -> None:
        self._sorted = numbers
        size = _MIN_BITS
        while size < _BITS_PER_ENTRY * len(numbers):
            size *= 2
        self._mask = size - 1
        bits = np.zeros(size, np.bool_)
        bits[numbers & np.uint32(self._mask)] = True
        self._bits = bytearray(np.packbits(bits, bitorder="little").tobytes())
