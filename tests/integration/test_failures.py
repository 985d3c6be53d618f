"""Faults under load, by the code of ``sentinel chaos``: nothing lost, no alert duplicated, the same features."""

from __future__ import annotations

import sys

import pytest

from deploy.chaos.campaign import CampaignOptions, run_campaign
from deploy.chaos.fault import Fault
from deploy.chaos.faults import rescaled, task_manager_killed
from deploy.stack.stack import silent
from tests.integration.local_stack import LocalStack

pytestmark = pytest.mark.integration

OPTIONS = CampaignOptions(transactions=2_000, rate=300)
EXPERIMENTS: list[list[Fault]] = [[task_manager_killed.FAULT], [rescaled.FAULT]]


def test_every_payment_is_decided_and_every_alert_comes_once_through_a_killed_task_manager_and_a_restore(
    stack: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = run_campaign(stack.settings, EXPERIMENTS, OPTIONS, silent)

    with capsys.disabled():
        for each in campaign.results:
            found = each.reconciliation
            counts = f"{found.sent} sent, {found.repeated_decisions} decided again, {found.alerts_committed} alerts"
            sys.stdout.write(f"\n{each.experiment.name}: {counts}, recovered after {each.recovery_s or 0:.1f} s\n")
    assert campaign.error is None
    assert [violation for each in campaign.results for violation in each.violations] == []
    assert [each.reconciliation.compared for each in campaign.results] == [OPTIONS.transactions] * len(EXPERIMENTS)
    assert sum(each.reconciliation.alerts_committed for each in campaign.results)
