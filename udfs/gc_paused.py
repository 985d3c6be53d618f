"""Pause Python's cyclic garbage collector while a large number of small objects is created."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_pause_lock = threading.Lock()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector inside the context.

    The collector runs by the number of allocations, so loading 5,000 rules would trigger it again and again and free
    nothing. The pause affects the whole process: use it around work of bounded size, and do not nest it.
    """
    # Without the lock, the second of two overlapping contexts would find the collector off and leave it off.
    with _pause_lock:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_enabled:
                gc.enable()
