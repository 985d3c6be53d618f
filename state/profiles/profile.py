"""Common part of all profiles: the history, filtered histories, and the progress of patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from state.kernel.addressing import address_of
from state.kernel.times import HOUR_MS
from state.kernel.types import Words
from state.store.changelog import Change
from state.windowing.filtered import get_or_create_history, pack_filtered, pack_histories, unpack_filtered
from state.windowing.history import History

LATENESS_MS = HOUR_MS
"""Default lateness: an event that is at most this late gets exact aggregates, and corrects those of later events."""


class Profile:
    """Base class of profiles. Times are epoch ms, amounts units of ``state.kernel.money``.

    Args:
        history: history of the payments; it reaches back the longest window and the lateness.
        lateness: delay up to which a late event is exact, ms.
        layout: block with the layout of the subclass.

    Attributes:
        layout: block that begins with the addresses of its arrays (``state.kernel.addressing``); ``address`` is the
            block's own.
        lateness: delay up to which a late event is exact, ms.
        history: history of the payments.
        filtered: histories of the payments that pass a filter, by filter name.
        dirty: whether anything but the history may have changed since the last ``mark_clean``.
        log_buffer: log of the payments since the last ``mark_clean``; None without a changelog.
    """

    __slots__ = (
        "_packed_progress",
        "_progress",
        "address",
        "dirty",
        "filtered",
        "history",
        "lateness",
        "layout",
        "log_buffer",
    )

    def __init__(self, history: History, lateness: int, layout: Words) -> None:
        self.layout = layout
        self.address = address_of(layout)
        self.lateness = lateness
        self.history = history
        self.filtered: dict[str, History] = {}
        self.dirty = False
        self.log_buffer: bytearray | None = None
        self._progress: dict[str, list[Any]] | None = None
        self._packed_progress = b""

    def filtered_history(self, name: str, longest: int, *, counts_distinct: bool) -> History:
        """Return the history of the payments that pass a filter; mark the profile dirty.

        Args:
            name: filter name.
            longest: longest window, ms.
            counts_distinct: whether a new history counts distinct counterparties of a hot key's older events.
        """
        self.dirty = True
        return get_or_create_history(self.filtered, name, longest + self.lateness, counts_distinct=counts_distinct)

    @property
    def progress(self) -> dict[str, list[Any]]:
        """Progress of patterns by pattern id, to be read and changed; marks the profile dirty."""
        self.dirty = True
        if self._progress is None:
            packed = self._packed_progress
            self._progress = msgspec.msgpack.decode(packed, type=dict[str, list[Any]]) if packed else {}
        return self._progress

    @classmethod
    def drain_changes(cls, profiles: Sequence[Self]) -> list[Change | None]:
        """Return the changes of each profile since it was last marked clean, None without any; mark all clean."""
        dirty = [profile._is_dirty() for profile in profiles]
        pack_histories(profiles)
        return [profile._drain_change(is_dirty) for profile, is_dirty in zip(profiles, dirty, strict=True)]

    def _is_dirty(self) -> bool:
        return self.dirty or any(not history.packed for history in self.filtered.values())

    def _drain_change(self, is_dirty: bool) -> Change | None:
        events = bytes(self.log_buffer or b"")
        if not events and not is_dirty:
            return None
        change = Change(events, self._aux_state() if is_dirty else None)
        self.mark_clean()
        return change

    def replay(self, change: Change) -> None:
        """Apply a change returned by ``drain_changes``."""
        if change.events:
            self._replay_events(change.events)
        if change.aux_state is not None:
            self._restore_aux_state(change.aux_state)

    def _replay_events(self, events: bytes) -> None:
        """Update with payments in the format of ``log_buffer``; their aggregates are not needed."""
        raise NotImplementedError

    def _aux_state(self) -> tuple[bytes, ...]:
        """Pack the state that does not follow from payments; requires ``pack_histories``."""
        raise NotImplementedError

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        """Restore the state packed by ``_aux_state``."""
        raise NotImplementedError

    def mark_clean(self) -> None:
        """Clear the dirty flag and the log buffer: later calls to ``drain_changes`` report only later changes."""
        self.dirty = False
        if self.log_buffer:
            self.log_buffer.clear()

    def _pack_common(self) -> tuple[bytes, bytes]:
        """Pack the filtered histories and the progress of patterns; requires ``pack_histories``."""
        if self._progress is not None:
            self._packed_progress = msgspec.msgpack.encode(self._progress) if self._progress else b""
            # Few payments touch a pattern, so most packs reuse these bytes.
            self._progress = None
        return pack_filtered(self.filtered), self._packed_progress

    def _restore_common(self, filtered: bytes, progress: bytes) -> None:
        """Restore the sections packed by ``_pack_common``.

        Raises:
            ProfileDamagedError: if the bytes are truncated or inconsistent.
        """
        self.filtered = unpack_filtered(filtered)
        self._progress, self._packed_progress = None, progress
