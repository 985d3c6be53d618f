"""Processes of the stack: known again, stopped surely, and nobody else's."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from deploy.errors import OperationError
from deploy.stack.process import ManagedProcess, Record

PATIENCE_S = 30.0
SLEEP = (sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)",
)


@pytest.fixture
def component(tmp_path: Path) -> Iterator[ManagedProcess]:
    made = ManagedProcess("sleeper", tmp_path, tmp_path / "logs" / "sleeper.log")
    yield made
    made.kill()


def started(component: ManagedProcess, command: tuple[str, ...] = SLEEP) -> psutil.Process:
    """The running process, once it has said so."""
    component.start(command, os.environ, component.folder)
    component.wait_until(lambda: "ready" in component.log_tail(), PATIENCE_S)
    process = component.find()
    assert process is not None
    return process


def again(component: ManagedProcess) -> ManagedProcess:
    """The same component as another run of the command line sees it."""
    return ManagedProcess(component.name, component.folder, component.log)


def test_what_never_was_started_is_not_running_and_there_is_nothing_to_stop(component: ManagedProcess) -> None:
    assert not component.is_running()
    assert component.stop() is False
    assert component.log_tail() == "(nothing)"


def test_a_process_is_known_again_by_another_run(component: ManagedProcess) -> None:
    process = started(component)
    assert again(component).find() == process


def test_it_runs_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(component: ManagedProcess) -> None:
    process = started(component)
    assert os.getsid(process.pid) == process.pid


def test_stopping_ends_it_and_forgets_it(component: ManagedProcess) -> None:
    process = started(component)
    assert again(component).stop() is True
    assert not process.is_running()
    assert not component.is_running()
    assert not component.record_file.exists()


def test_one_that_does_not_want_to_end_is_made_to(component: ManagedProcess) -> None:
    process = started(component, STUBBORN)
    assert component.stop(patience_s=0.1) is True
    assert not process.is_running()


def test_a_killed_one_is_gone_and_can_be_started_again(component: ManagedProcess) -> None:
    first = started(component)
    component.kill()
    assert not component.is_running()
    assert started(component).pid != first.pid


def test_one_that_was_killed_by_somebody_else_is_not_running(component: ManagedProcess) -> None:
    process = started(component)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now: nobody has asked how it ended
    assert not component.is_running()
    assert component.stop() is False


def test_a_stranger_with_the_same_pid_is_left_alone(component: ManagedProcess, tmp_path: Path) -> None:
    stranger = started(ManagedProcess("stranger", tmp_path, tmp_path / "stranger.log"))
    component.record_file.write_bytes(msgspec.json.encode(Record(stranger.pid, stranger.create_time() - 3_600)))
    assert not component.is_running()
    component.kill()
    assert component.stop() is False
    assert stranger.is_running()
    stranger.kill()
    stranger.wait(PATIENCE_S)


@pytest.mark.parametrize("content", [b"", b"12", b'{"pid": "x"}'])
def test_a_damaged_record_is_no_process(component: ManagedProcess, content: bytes) -> None:
    component.record_file.parent.mkdir(parents=True)
    component.record_file.write_bytes(content)
    assert not component.is_running()


def test_one_that_dies_while_starting_is_reported_with_its_last_words(component: ManagedProcess) -> None:
    component.start((sys.executable, "-c", "raise SystemExit('no disk left')"), os.environ, component.folder)
    with pytest.raises(OperationError, match=r"sleeper died while starting; its log ends with:\nno disk left"):
        component.wait_until(lambda: False, PATIENCE_S)


def test_one_that_never_gets_ready_is_reported_with_its_last_words(component: ManagedProcess) -> None:
    started(component)
    with pytest.raises(OperationError, match=r"sleeper was not up after 0 s; its log ends with:\nready"):
        component.wait_until(lambda: False, 0.0, "up")


def test_only_the_end_of_a_long_log_is_quoted(component: ManagedProcess) -> None:
    component.log.parent.mkdir(parents=True)
    component.log.write_text("\n".join(f"line {number}" for number in range(1_000)))
    assert component.log_tail().splitlines() == [f"line {number}" for number in range(985, 1_000)]


def test_it_is_given_the_environment_it_is_told_and_no_other(component: ManagedProcess) -> None:
    command = (sys.executable, "-c", "import os; print(sorted(os.environ), flush=True)")
    component.start(command, {"ONLY": "this", "PATH": "/bin"}, component.folder)
    with pytest.raises(OperationError):
        component.wait_until(lambda: False, PATIENCE_S)
    assert "ONLY" in component.log_tail()
    assert "HOME" not in component.log_tail()
