"""Python's cyclic garbage collector, out of the way while very many small objects are made."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.Lock()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Within, nothing is searched for cycles: the collector goes by how much is made, not by how much is let go.

    For the whole process, so it belongs around work of limited size. Not to be nested.
    """
    # Of two that overlap, one would find the collector paused by the other, and leave it so.
    with _one_at_a_time:
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()
