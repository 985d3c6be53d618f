"""SIGTERM and a closed terminal interrupt a program, which then cleans up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from deploy.signals import TERMINATION_SIGNALS, interrupt_on_termination


@pytest.fixture(autouse=True)
def _restore_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in TERMINATION_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
def test_it_is_interrupted_as_by_ctrl_c_and_finally_blocks_run(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    stopped = []

    def work() -> None:
        with interrupt_on_termination():
            try:
                os.kill(os.getpid(), number)
                pytest.fail("the signal did not interrupt")
            finally:
                for again in TERMINATION_SIGNALS:
                    os.kill(os.getpid(), again)  # as a shell and the kernel do when a terminal is closed
                stopped.append("everything")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stopped == ["everything"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
def test_afterwards_the_previous_handler_is_in_force(number: signal.Signals, fails: bool) -> None:
    received: list[int] = []
    signal.signal(number, lambda number, _: received.append(number))
    try:
        with interrupt_on_termination():
            if fails:
                raise OSError
    except OSError:
        pass
    os.kill(os.getpid(), number)
    assert received == [number]


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupt_on_termination():
        os.kill(os.getpid(), signal.SIGHUP)
