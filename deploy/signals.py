"""SIGTERM and SIGHUP as an interruption: the program cleans up, as after Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATION_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupt_on_termination() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, which otherwise end the process without clean-up.

    Only the first signal interrupts: the shell and the kernel both signal a closed terminal, and the second signal
    would end the clean-up. A signal that was ignored stays ignored, as ``nohup`` wants it. The previous handlers are
    restored at the end. To be used in the main thread.
    """
    before = {number: signal.getsignal(number) for number in TERMINATION_SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    for number in TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
