"""A process that is asked to end, or whose terminal is closed, cleans up first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from deploy.signals import ENDING, interrupted_by_ending_signals


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_it_is_interrupted_as_by_ctrl_c_and_what_must_be_done_at_the_end_is_done(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    stopped = []

    def work() -> None:
        with interrupted_by_ending_signals():
            try:
                os.kill(os.getpid(), number)
                pytest.fail("nothing was interrupted")
            finally:
                for again in ENDING:
                    os.kill(os.getpid(), again)  # as a shell and the kernel do when a terminal is closed
                stopped.append("everything")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stopped == ["everything"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("number", ENDING)
def test_afterwards_a_signal_does_what_it_did_before(number: signal.Signals, fails: bool) -> None:
    heard: list[int] = []
    signal.signal(number, lambda number, _: heard.append(number))
    try:
        with interrupted_by_ending_signals():
            if fails:
                raise OSError
    except OSError:
        pass
    os.kill(os.getpid(), number)
    assert heard == [number]


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupted_by_ending_signals():
        os.kill(os.getpid(), signal.SIGHUP)
