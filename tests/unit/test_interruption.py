"""A process that is asked to end, or whose terminal is closed, cleans up first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from deploy.signals import TERMINATION_SIGNALS, interrupt_on_termination


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in TERMINATION_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
def test_it_is_interrupted_as_by_ctrl_c_and_what_must_be_done_at_the_end_is_done(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    stopped = []

    def work() -> None:
        with interrupt_on_termination():
            try:
                os.kill(os.getpid(), number)
                pytest.fail("nothing was interrupted")
            finally:
                for again in TERMINATION_SIGNALS:
                    os.kill(os.getpid(), again)  # as a shell and the kernel do when a terminal is closed
                stopped.append("everything")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stopped == ["everything"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
def test_afterwards_a_signal_does_what_it_did_before(number: signal.Signals, fails: bool) -> None:
    heard: list[int] = []
    signal.signal(number, lambda number, _: heard.append(number))
    try:
        with interrupt_on_termination():
            if fails:
                raise OSError
    except OSError:
        pass
    os.kill(os.getpid(), number)
    assert heard == [number]


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupt_on_termination():
        os.kill(os.getpid(), signal.SIGHUP)
