"""``sentinel topics`` shows what the broker has, not what the settings wish."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.cli.topics import format_retention
from deploy.clients import topics
from deploy.clients.topics import TopicSpec, TopicStatus

DAY_MS = 86_400_000
WISHED = {"retention.ms": str(7 * DAY_MS), "compression.type": "lz4", "max.message.bytes": "1000"}
ACTUAL = WISHED | {"retention.ms": str(DAY_MS), "cleanup.policy": "delete"}
FOUND = TopicStatus(
    TopicSpec("alerts", 12, 3, WISHED), created=False, differences=("retention.ms is ...",), partitions=6, replicas=1,
    config=ACTUAL,
)  # fmt: skip


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "ensure", lambda *_, **__: [FOUND])


def test_the_table_shows_the_values_of_the_broker() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["topics"], catch_exceptions=False).output
    row = next(line for line in shown.splitlines() if "alerts" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("alerts", "6", "1", "1 days", "lz4", "1000 bytes", "retention.ms is ...")
    ]


def test_json_shows_them_as_well() -> None:
    (found,) = json.loads(CliRunner().invoke(app, ["topics", "--json"], catch_exceptions=False).output)
    assert (found["partitions"], found["config"]["retention.ms"]) == (6, str(DAY_MS))


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({"retention.ms": "-1"}, "forever"),
        ({"cleanup.policy": "compact", "retention.ms": "5"}, "last per key"),
        ({"retention.ms": str(DAY_MS // 2), "retention.bytes": "1048576"}, "0.5 days, at most 1.0 MB a partition"),
        ({}, "?"),
    ],
)
def test_retention_is_that_of_the_broker(config: dict[str, str], shown: str) -> None:
    assert format_retention(config) == shown
