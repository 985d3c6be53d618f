"""Batch protocol of compiled updates: a pass over events pauses where an array must grow, and resumes after that.

Compiled code updates fixed-size arrays. An event that needs more capacity stops the pass with a status; Python replaces
the array, and the next pass goes on from that event.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from state.kernel.jit import compiled
from state.kernel.types import Words

DONE, NEEDS_COMPACTION, NOT_RECENT, EVENTS_FULL, TILES_FULL, COUNTERPARTIES_FULL, BEHAVIOR_FULL = range(7)
"""Status of an event: done; done, but now there are too many recent events; done, but the event is not among the recent
ones, since it is too late or does not count. The others name a full array: nothing was done."""
_FIRST_FULL = EVENTS_FULL


@compiled
def must_pause(status: int) -> bool:
    """Whether the pass must stop: an array is full, or the history must be compacted."""
    return status == NEEDS_COMPACTION or status >= _FIRST_FULL


def run_batch(addresses: Words, run_from: Callable[[int, Words], int], resume: Callable[[int, int], int]) -> list[int]:
    """Update with a batch of events in as few compiled passes as possible.

    Args:
        addresses: address of the updated layout of each event, (n,).
        run_from: runs a pass from a row on, writes the status of each event to an array, (n,), and returns the row at
            which it paused, or n.
        resume: handles the status of a row at which a pass paused, and returns the number of events done by that, 0 or
            1.

    Returns:
        Status of each event.
    """
    status, row = np.empty(len(addresses), np.int64), 0
    while (row := run_from(row, status)) < len(addresses):
        row += resume(row, int(status[row]))
    result: list[int] = status.tolist()
    return result
