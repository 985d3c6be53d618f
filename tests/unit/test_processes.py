"""Managed processes: found again by another command, stopped reliably, and never confused with another process."""

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
def managed(tmp_path: Path) -> Iterator[ManagedProcess]:
    sleeper = ManagedProcess("sleeper", tmp_path, tmp_path / "logs" / "sleeper.log")
    yield sleeper
    sleeper.kill()


def started(managed: ManagedProcess, command: tuple[str, ...] = SLEEP) -> psutil.Process:
    """Start the process, and wait until it prints that it is ready."""
    managed.start(command, os.environ, managed.folder)
    managed.wait_until(lambda: "ready" in managed.log_tail(), PATIENCE_S)
    process = managed.find()
    assert process is not None
    return process


def reopened(managed: ManagedProcess) -> ManagedProcess:
    """The same process as another command sees it."""
    return ManagedProcess(managed.name, managed.folder, managed.log)


def test_a_process_that_was_never_started_is_not_running_and_cannot_be_stopped(managed: ManagedProcess) -> None:
    assert not managed.is_running()
    assert managed.stop() is False
    assert managed.log_tail() == "(nothing)"


def test_a_process_is_found_by_another_command(managed: ManagedProcess) -> None:
    process = started(managed)
    assert reopened(managed).find() == process


def test_it_runs_in_a_new_session_so_that_ctrl_c_does_not_reach_it(managed: ManagedProcess) -> None:
    process = started(managed)
    assert os.getsid(process.pid) == process.pid


def test_stopping_ends_it_and_deletes_its_record(managed: ManagedProcess) -> None:
    process = started(managed)
    assert reopened(managed).stop() is True
    assert not process.is_running()
    assert not managed.is_running()
    assert not managed.record_file.exists()


def test_a_process_that_ignores_sigterm_is_killed(managed: ManagedProcess) -> None:
    process = started(managed, STUBBORN)
    assert managed.stop(patience_s=0.1) is True
    assert not process.is_running()


def test_a_killed_process_can_be_started_again(managed: ManagedProcess) -> None:
    first = started(managed)
    managed.kill()
    assert not managed.is_running()
    assert started(managed).pid != first.pid


def test_a_process_that_was_killed_from_outside_is_not_running(managed: ManagedProcess) -> None:
    process = started(managed)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(
        os.P_PID, process.pid, os.WEXITED | os.WNOWAIT
    )  # it is a zombie now, as its exit status was not collected
    assert not managed.is_running()
    assert managed.stop() is False


def test_another_process_with_the_same_pid_is_left_alone(managed: ManagedProcess, tmp_path: Path) -> None:
    stranger = started(ManagedProcess("stranger", tmp_path, tmp_path / "stranger.log"))
    managed.record_file.write_bytes(msgspec.json.encode(Record(stranger.pid, stranger.create_time() - 3_600)))
    assert not managed.is_running()
    managed.kill()
    assert managed.stop() is False
    assert stranger.is_running()
    stranger.kill()
    stranger.wait(PATIENCE_S)


@pytest.mark.parametrize("content", [b"", b"12", b'{"pid": "x"}'])
def test_a_damaged_record_means_no_process(managed: ManagedProcess, content: bytes) -> None:
    managed.record_file.parent.mkdir(parents=True)
    managed.record_file.write_bytes(content)
    assert not managed.is_running()


def test_a_process_that_dies_while_starting_is_reported_with_the_end_of_its_log(managed: ManagedProcess) -> None:
    managed.start((sys.executable, "-c", "raise SystemExit('no disk left')"), os.environ, managed.folder)
    with pytest.raises(OperationError, match=r"sleeper died while starting; its log ends with:\nno disk left"):
        managed.wait_until(lambda: False, PATIENCE_S)


def test_a_process_that_never_gets_ready_is_reported_with_the_end_of_its_log(managed: ManagedProcess) -> None:
    started(managed)
    with pytest.raises(OperationError, match=r"sleeper was not up after 0 s; its log ends with:\nready"):
        managed.wait_until(lambda: False, 0.0, "up")


def test_only_the_end_of_a_long_log_is_quoted(managed: ManagedProcess) -> None:
    managed.log.parent.mkdir(parents=True)
    managed.log.write_text("\n".join(f"line {number}" for number in range(1_000)))
    assert managed.log_tail().splitlines() == [f"line {number}" for number in range(985, 1_000)]


def test_it_has_the_given_environment_and_no_other(managed: ManagedProcess) -> None:
    command = (sys.executable, "-c", "import os; print(sorted(os.environ), flush=True)")
    managed.start(command, {"ONLY": "this", "PATH": "/bin"}, managed.folder)
    with pytest.raises(OperationError):
        managed.wait_until(lambda: False, PATIENCE_S)
    assert "ONLY" in managed.log_tail()
    assert "HOME" not in managed.log_tail()
