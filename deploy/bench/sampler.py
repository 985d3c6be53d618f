"""Sample a running system at a fixed interval from a background thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from deploy.errors import OperationError

Probe = Callable[[], None]
"""Reads something once and stores it."""


@contextmanager
def sampling(probes: Sequence[Probe], every_s: float) -> Iterator[None]:
    """Call every probe at the beginning, then at a fixed interval, and once more at the end.

    A probe that fails leaves a gap in its series: the process may just have ended, or Flink answered too late.

    Args:
        probes: called one after another; between beginning and end by the background thread.
        every_s: pause between two samples, seconds.
    """
    ended = threading.Event()

    def sample() -> None:
        for probe in probes:
            with suppress(OperationError, psutil.Error):
                probe()

    def run() -> None:
        while not ended.wait(every_s):
            sample()

    sample()
    thread = threading.Thread(target=run, name="sampler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sample()
