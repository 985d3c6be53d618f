"""SIGTERM, and a terminal that is closed, as an interruption: what was started is stopped again, as after Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_by_ending_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise KeyboardInterrupt; by themselves they would end the process without clean-up.

    The first one alone: a shell and the kernel both tell of a closed terminal, and the second would end the clean-up.
    One that is ignored stays so, which is what ``nohup`` asks for. Afterwards both do what they did before.

    Belongs in the main thread.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
