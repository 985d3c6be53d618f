"""A process that is asked to end cleans up first."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.interruption import interrupted_by_sigterm


def test_sigterm_interrupts_as_ctrl_c_does_and_what_must_be_done_at_the_end_is_done() -> None:
    stopped = []

    def work() -> None:
        with interrupted_by_sigterm():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                pytest.fail("nothing was interrupted")
            finally:
                stopped.append("everything")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stopped == ["everything"]


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_sigterm_does_what_it_did_before(fails: bool) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        try:
            with interrupted_by_sigterm():
                if fails:
                    raise OSError
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
