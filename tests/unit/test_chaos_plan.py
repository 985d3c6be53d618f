"""A campaign injects each fault alone, combines some, and ends with those that change the job for good."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.chaos.faults import FAULTS, upgraded
from deploy.chaos.plan import plan_experiments
from deploy.errors import OperationError

ABSENT = upgraded.FAULT.missing_requirement()
from_git = pytest.mark.skipif(
    ABSENT is not None, reason=f"the earlier version is checked out of git's history, which is absent: {ABSENT}"
)


def test_the_baseline_comes_first_then_each_fault_alone_and_combinations_before_the_last_phase() -> None:
    planned = plan_experiments(FAULTS, seed=1, mixed=2)
    assert planned[0] == []
    assert sorted(each[0].name for each in planned if len(each) == 1) == sorted(fault.name for fault in FAULTS)
    phases = ["any" if len(each) > 1 else each[0].phase for each in planned[1:]]
    assert phases == sorted(phases, key=["start", "any", "end"].index)


@pytest.mark.parametrize("seed", range(20))
def test_two_or_three_faults_are_combined_that_leave_the_job_as_it_was(seed: int) -> None:
    combined = [each for each in plan_experiments(FAULTS, seed, mixed=3) if len(each) > 1]
    assert len(combined) == 3
    assert all(fault.phase == "any" for each in combined for fault in each)
    assert all(2 <= len({fault.name for fault in each}) <= 3 for each in combined)


def test_a_seed_repeats_its_plan() -> None:
    assert plan_experiments(FAULTS, seed=7, mixed=4) == plan_experiments(FAULTS, seed=7, mixed=4)


def test_a_single_fault_has_nothing_to_be_combined_with() -> None:
    (burst,) = (fault for fault in FAULTS if fault.name == "burst")
    assert plan_experiments([burst], seed=1, mixed=2) == [[], [burst]]


@from_git
def test_an_earlier_version_is_checked_out_of_git(tmp_path: Path) -> None:
    upgraded.check_out(upgraded.EARLIER, tmp_path)
    assert (tmp_path / "flink_jobs" / "job.py").is_file()
    assert (tmp_path / "udfs" / "warmup.py").is_file()


def test_a_commit_that_git_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="git"):
        upgraded.check_out("0" * 40, tmp_path)


def test_without_git_the_upgrade_cannot_be_injected(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert upgraded.FAULT.missing_requirement() == "git is not installed"
