"""Faults under load, by the machinery of ``sentinel chaos``: nothing lost, no alert doubled, the same features."""

from __future__ import annotations

import sys

import pytest

from deploy.chaos.fault import Fault
from deploy.chaos.faults import rescaled, task_manager_killed
from deploy.chaos.trial import Options, attempt
from deploy.stack.stack import silent
from tests.integration.local_stack import LocalStack

pytestmark = pytest.mark.integration

OPTIONS = Options(transactions=3_000, rate=300)


@pytest.mark.parametrize("fault", [task_manager_killed.FAULT, rescaled.FAULT], ids=lambda fault: fault.name)
def test_every_payment_is_decided_and_every_alert_comes_once_through(
    fault: Fault, stack: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = attempt(stack.settings, [fault], OPTIONS, silent)

    found = trial.account
    with capsys.disabled():
        sys.stdout.write(f"\n{found.sent} sent, {found.decided_again} decided again, {found.committed} alerts\n")
    assert trial.broken == []
    assert found.compared == OPTIONS.transactions
    assert found.committed
