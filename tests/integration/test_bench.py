"""A benchmark of the whole job writes its result, and leaves neither job nor topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.bench.result import Result, read_json
from deploy.clients import kafka_clients
from tests.integration.local_stack import LocalStack

pytestmark = pytest.mark.integration

BACKLOG = 2_000


@pytest.fixture(scope="module")
def drained(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Result of a small drain, and the folder it was written to."""
    folder = tmp_path_factory.mktemp("bench")
    stack.sentinel("bench", "drain", "--transactions", str(BACKLOG), "--users", "200", "--out", str(folder))
    (file,) = folder.glob("drain-*.json")
    return read_json(file), folder


def test_a_backlog_is_decided_without_loss(drained: tuple[Result, Path]) -> None:
    figures = drained[0].figures
    transactions = figures["transactions"]
    assert isinstance(transactions, int)
    assert transactions >= BACKLOG
    assert figures["missing"] == 0


def test_every_stage_reports_its_batches_and_their_cost(drained: tuple[Result, Path]) -> None:
    (table,) = [table for table in drained[0].tables if table.title.startswith("Stages")]
    cost, batches = table.columns.index("CPU us"), table.columns.index("batches")
    stages = {str(row[0]): row for row in table.rows}
    for name in ("user stage", "device stage", "merchant stage"):
        assert float(stages[name][batches] or 0) > 0, name
        assert float(stages[name][cost] or 0) > 0, name


def test_the_result_is_also_written_as_a_page(drained: tuple[Result, Path]) -> None:
    (page,) = drained[1].glob("drain-*.html")
    assert "<svg" in page.read_text()


def test_neither_job_nor_topics_are_left(stack: LocalStack, drained: tuple[Result, Path]) -> None:
    assert [job.name for job in stack.rest.jobs() if job.name.startswith("bench-") and not job.ended] == []
    found = kafka_clients.admin(stack.settings).list_topics(timeout=30).topics
    assert [name for name in found if name.startswith("bench-")] == []


def test_two_plain_loops_share_the_records_and_decide_each_once(stack: LocalStack, tmp_path: Path) -> None:
    only = ("--only", "plain-loop", "--only", "plain-loop-2")
    stack.sentinel("bench", "peers", *only, "--transactions", "5000", "--users", "200", "--out", str(tmp_path))
    (file,) = tmp_path.glob("peers-*.json")
    found = read_json(file)
    (table,) = [table for table in found.tables if table.title == "backlog"]
    decisions = {str(row[0]): row[table.columns.index("decisions")] for row in table.rows}
    both = decisions["plain-loop-2"]  # neither has enough batches to leave some out as warm-up
    assert isinstance(both, int)
    assert 5_000 <= both < 6_000
    assert found.figures["plain_loop_2_per_s"]
