"""What every profile remembers, whoever it is of: a history, what filters let pass of it, and progress of patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import msgspec
import numpy as np

from state.kernel.addressing import address_of
from state.kernel.times import HOUR_MS
from state.store.changelog import Change
from state.windowing.filtered import filtered_history, pack_filtered, pack_histories, unpack_filtered
from state.windowing.history import History

LATENESS_MS = HOUR_MS
"""What comes at most so late is told, and corrects, exactly; unless a profile is told otherwise."""


class Profile:
    """The part of a profile that all kinds share. Times are epoch ms, amounts units of ``state.kernel.money``.

    Args:
        longest: the longest window, ms.
        lateness: so far beyond the longest window the history goes back, ms.
        capacity: events kept one by one; windows over more are bounded forms (``state.windowing.tiles``, ``state.windowing.distinct``).
        places: how many words it takes to note where the arrays of its kind lie.

    Attributes:
        where: where its arrays lie (``state.kernel.addressing``); ``address`` says where that is.
        lateness: how late an event may come and be told, and correct, exactly, ms.
        history: the payments.
        filtered: histories of those that a filter lets pass, by its name.
        touched: whether something else than payments may have changed it since that was last told or packed.
        news: the payments since it was last told or packed, for a changelog; None where nobody asks for them.
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

    def __init__(self, longest: int, lateness: int, capacity: int, places: int) -> None:
        self.layout = np.empty(places, np.int64)
        self.address = address_of(self.layout)
        self.lateness = lateness
        self.history = History(longest + lateness, capacity)
        self.filtered: dict[str, History] = {}
        self.dirty = False
        self.log_buffer: bytearray | None = None
        self._progress: dict[str, list[Any]] | None = None
        self._packed_progress = b""

    def filter(self, name: str, longest: int, *, parties: bool) -> History:
        """The history of the payments that a filter lets pass, made if need be.

        Args:
            name: of the filter.
            longest: its longest window, ms.
            parties: whether somebody asks for different parties.
        """
        self.dirty = True
        return filtered_history(self.filtered, name, longest + self.lateness, parties=parties)

    @property
    def progress(self) -> dict[str, list[Any]]:
        """Progress of patterns by pattern id; whoever asks may change it."""
        self.dirty = True
        if self._progress is None:
            packed = self._packed_progress
            self._progress = msgspec.msgpack.decode(packed, type=dict[str, list[Any]]) if packed else {}
        return self._progress

    @classmethod
    def changes(cls, profiles: Sequence[Self]) -> list[Change | None]:
        """What each took since that was last told, or since it was packed; None where it took nothing."""
        touched = [profile._is_dirty() for profile in profiles]
        pack_histories(profiles)
        return [profile._change(beside) for profile, beside in zip(profiles, touched, strict=True)]

    def _is_dirty(self) -> bool:
        return self.dirty or any(not history.packed for history in self.filtered.values())

    def _change(self, beside: bool) -> Change | None:
        payments = bytes(self.log_buffer or b"")
        if not payments and not beside:
            return None
        change = Change(payments, self._aux_state() if beside else None)
        self.mark_clean()
        return change

    def replay(self, change: Change) -> None:
        """Take what ``changes`` told."""
        if change.events:
            self._replay_events(change.events)
        if change.aux_state is not None:
            self._restore_aux_state(change.aux_state)

    def _replay_events(self, payments: bytes) -> None:
        """Take payments, as ``news`` has them, of which nothing is to be told."""
        raise NotImplementedError

    def _aux_state(self) -> tuple[bytes, ...]:
        """All that is remembered beside payments, packed, after ``pack_histories``."""
        raise NotImplementedError

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        """Become what ``_beside`` packed."""
        raise NotImplementedError

    def mark_clean(self) -> None:
        """Whoever asks from now on asks for what comes from now on."""
        self.dirty = False
        if self.log_buffer:
            self.log_buffer.clear()

    def _sections(self) -> tuple[bytes, bytes]:
        """The sections of this part, without the history."""
        if self._progress is not None:
            self._packed_progress = msgspec.msgpack.encode(self._progress) if self._progress else b""
            # Few payments touch a pattern: the next one that does reads it again, and the others pack it for nothing.
            self._progress = None
        return pack_filtered(self.filtered), self._packed_progress

    def _unpack_sections(self, filtered: bytes, progress: bytes) -> None:
        """Become what ``_sections`` packed.

        Raises:
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        self.filtered = unpack_filtered(filtered)
        self._progress, self._packed_progress = None, progress
