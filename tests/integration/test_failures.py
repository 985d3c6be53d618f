"""Faults under load, by the machinery of ``sentinel chaos``: nothing lost, no alert doubled, the same features."""

from __future__ import annotations

import sys

import pytest

from deploy.chaos.campaign import CampaignOptions, attempt
from deploy.chaos.fault import Fault
from deploy.chaos.faults import rescaled, task_manager_killed
from deploy.stack.stack import silent
from tests.integration.local_stack import LocalStack

pytestmark = pytest.mark.integration

OPTIONS = CampaignOptions(transactions=2_000, rate=300)
ACTS: list[list[Fault]] = [[task_manager_killed.FAULT], [rescaled.FAULT]]


def test_every_payment_is_decided_and_every_alert_comes_once_through_a_killed_task_manager_and_a_restore(
    stack: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = attempt(stack.settings, ACTS, OPTIONS, silent)

    with capsys.disabled():
        for each in trial.outcomes:
            found = each.account
            counts = f"{found.sent} sent, {found.decided_again} decided again, {found.committed} alerts"
            sys.stdout.write(f"\n{each.act.name}: {counts}, recovered after {each.recovery_s or 0:.1f} s\n")
    assert trial.error is None
    assert [what for each in trial.outcomes for what in each.broken] == []
    assert [each.account.compared for each in trial.outcomes] == [OPTIONS.transactions] * len(ACTS)
    assert sum(each.account.committed for each in trial.outcomes)
