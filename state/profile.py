"""What every profile remembers, whoever it is of: a history, what filters let pass of it, and progress of patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from state.filtered import filtered_history, pack_filtered, unpack_filtered
from state.history import History
from state.packing import Packed
from state.times import HOUR_MS
from state.where import address_of

LATENESS_MS = HOUR_MS
"""What comes at most so late is told, and corrects, exactly; unless a profile is told otherwise."""


class Profile:
    """The part of a profile that all kinds share. Times are epoch ms, amounts units of ``state.moments``.

    Args:
        longest: the longest window, ms.
        lateness: so far beyond the longest window the history goes back, ms.
        capacity: events kept one by one; windows over more are bounded forms (``state.tiles``, ``state.distinct``).
        places: how many words it takes to note where the arrays of its kind lie.

    Attributes:
        where: where its arrays lie (``state.where``); ``address`` says where that is.
        lateness: how late an event may come and be told, and correct, exactly, ms.
        history: the payments.
        filtered: histories of those that a filter lets pass, by its name.
        touched: whether filters or patterns may have changed it since it was packed.
    """

    __slots__ = ("_packed_progress", "_progress", "address", "filtered", "history", "lateness", "touched", "where")

    def __init__(self, longest: int, lateness: int, capacity: int, places: int) -> None:
        self.where = np.empty(places, np.int64)
        self.address = address_of(self.where)
        self.lateness = lateness
        self.history = History(longest + lateness, capacity)
        self.filtered: dict[str, History] = {}
        self.touched = False
        self._progress: dict[str, list[Any]] | None = None
        self._packed_progress = b""

    def filter(self, name: str, longest: int, *, parties: bool) -> History:
        """The history of the payments that a filter lets pass, made if need be.

        Args:
            name: of the filter.
            longest: its longest window, ms.
            parties: whether somebody asks for different parties.
        """
        self.touched = True
        return filtered_history(self.filtered, name, longest + self.lateness, parties=parties)

    @property
    def progress(self) -> dict[str, list[Any]]:
        """Progress of patterns by pattern id; whoever asks may change it."""
        self.touched = True
        if self._progress is None:
            packed = self._packed_progress
            self._progress = msgspec.msgpack.decode(packed, type=dict[str, list[Any]]) if packed else {}
        return self._progress

    def _sections(self, history: Packed) -> tuple[Packed, bytes, bytes]:
        """The sections of this part, of which the history is packed already."""
        self.touched = False
        if self._progress is not None:
            self._packed_progress = msgspec.msgpack.encode(self._progress) if self._progress else b""
            # Few payments touch a pattern: the next one that does reads it again, and the others pack it for nothing.
            self._progress = None
        return history, pack_filtered(self.filtered), self._packed_progress

    def _unpack_shared(self, sections: Sequence[bytes]) -> None:
        """Become what ``_sections`` packed.

        Raises:
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        history, filtered, self._packed_progress = sections
        self.history.unpack(history)
        self.filtered = unpack_filtered(filtered)
