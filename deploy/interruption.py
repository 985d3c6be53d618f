"""SIGTERM as an interruption: what was started is stopped again, as after Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Within, SIGTERM raises KeyboardInterrupt; by itself it would end the process without any clean-up.

    Belongs in the main thread. Afterwards SIGTERM does what it did before.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
