"""SIGTERM, and a terminal that is closed, as an interruption: what was started is stopped again, as after Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_when_ended() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise KeyboardInterrupt; by themselves they would end the process without clean-up.

    Belongs in the main thread. One that is ignored stays so: ``nohup`` means it. Afterwards they do as before.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
