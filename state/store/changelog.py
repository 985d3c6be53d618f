"""Changelog of a shard: numbered segments of profile changes.

To write every changed profile at every checkpoint is expensive: a profile has some kilobytes, while a payment adds 80
bytes to a user's profile and 32 to a merchant's or device's. So a shard writes the changes between two checkpoints as
one segment, and writes whole profiles (snapshots) in the background, those with the oldest logged change first. A
profile is restored from its snapshot and the changes after it. Segments that no profile needs are truncated.

A snapshot holds the number of the segment that was current when it was written: that segment and later ones hold the
changes after the snapshot, earlier ones hold changes that the snapshot includes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from state.kernel.sections import ProfileDamagedError, upgrade_steps
from state.store.keyed_state import KeyedState

SNAPSHOT_MARK = b"\xfe"
"""First byte of a snapshot with a segment number, where a snapshot without one has its version. Persisted."""
SEGMENT_NUMBER_BYTES = 8
"""Length of the segment number behind the mark, big-endian. Persisted."""
CHANGELOG_KEY = "\0changelog"
"""Key of the bounds of the changelog: the numbers of its first and its current segment. Persisted. A segment's own key
has its number behind a dash."""
VERSION = 1
"""Version of a segment. To be raised, with an upgrade step for each kind of profile, when the columns of an event or
the sections of the auxiliary state change."""


class Change(msgspec.Struct, array_like=True, frozen=True):
    """The changes of one profile within a segment.

    Attributes:
        events: the log of its events, oldest first.
        aux_state: the packed state that events do not change; None if none of it changed.
    """

    events: bytes
    aux_state: tuple[bytes, ...] | None


ChangeUpgrade = Callable[[Change], Change]
"""Turns a change in a segment of version v into one of version v + 1, for one kind of profile."""


class Loggable(Protocol):
    """A profile that the changelog can restore.

    Attributes:
        log_buffer: the log of events since the last segment or snapshot; None without a changelog.
    """

    log_buffer: bytearray | None

    def replay(self, change: Change) -> None:
        """Apply a logged change."""


_encoder = msgspec.msgpack.Encoder()
_bounds_decoder = msgspec.msgpack.Decoder(tuple[int, int])
_segment_decoder = msgspec.msgpack.Decoder(tuple[int, dict[str, Change]])


class Changelog:
    """The segments of one shard.

    Args:
        first: number of the oldest stored segment.
        current: number of the open segment, which is not stored yet.
    """

    def __init__(self, first: int = 0, current: int = 0) -> None:
        self._first = first
        self.current = current

    @classmethod
    def of(cls, state: KeyedState) -> Changelog:
        """Restore the changelog from keyed state, or start a new one."""
        packed = state.get(CHANGELOG_KEY)
        return cls() if packed is None else cls(*_bounds_decoder.decode(packed))

    def read(self, state: KeyedState, upgrades: Mapping[int, ChangeUpgrade]) -> dict[str, list[tuple[int, Change]]]:
        """Read all stored changes.

        Args:
            state: keyed state of the shard.
            upgrades: by version of a segment, the step to the next one.

        Returns:
            By entity, the changes with their segment numbers, oldest first. Entities are in order of their first
            change.

        Raises:
            ProfileDamagedError: if a segment is missing.
            ProfileVersionError: if a segment has a version that this program does not read.
        """
        changes: defaultdict[str, list[tuple[int, Change]]] = defaultdict(list)
        for number in range(self._first, self.current):
            for entity_id, change in _decode_segment(number, state.get(_segment_key(number)), upgrades).items():
                changes[entity_id].append((number, change))
        return dict(changes)

    def roll(self, changes: Mapping[str, Change], truncate_before: int) -> tuple[dict[str, bytes], list[str]]:
        """Close the current segment, open the next one, and truncate.

        Args:
            changes: content of the current segment, by entity.
            truncate_before: number of the first segment that is still needed. Above the current number, the current
                segment is not stored either.

        Returns:
            The entries to write, and the keys to remove.
        """
        number, self.current = self.current, self.current + 1
        truncated = [_segment_key(old) for old in range(self._first, min(truncate_before, number))]
        self._first = truncate_before
        entries = {CHANGELOG_KEY: _encoder.encode((self._first, self.current))}
        if truncate_before <= number:
            entries[_segment_key(number)] = _encoder.encode((VERSION, changes))
        return entries, truncated

    def encode_snapshot(self, packed: bytes) -> bytes:
        """Put the number of the current segment in front of a packed profile."""
        return SNAPSHOT_MARK + self.current.to_bytes(SEGMENT_NUMBER_BYTES) + packed


def decode_snapshot(stored: bytes) -> tuple[int, bytes]:
    """Split a snapshot into the number of the first segment after it (0 if it has none) and the packed profile."""
    if not stored.startswith(SNAPSHOT_MARK):
        return 0, stored
    start = len(SNAPSHOT_MARK) + SEGMENT_NUMBER_BYTES
    return int.from_bytes(stored[len(SNAPSHOT_MARK) : start]), stored[start:]


def _decode_segment(number: int, packed: bytes | None, upgrades: Mapping[int, ChangeUpgrade]) -> dict[str, Change]:
    if packed is None:
        raise ProfileDamagedError(f"segment {number} of a shard's changelog is missing from its state")
    version, changes = _segment_decoder.decode(packed)
    for upgrade in upgrade_steps(version, VERSION, upgrades, f"segment {number} of a shard's changelog"):
        changes = {entity_id: upgrade(change) for entity_id, change in changes.items()}
    return changes


def _segment_key(number: int) -> str:
    return f"{CHANGELOG_KEY}-{number}"
