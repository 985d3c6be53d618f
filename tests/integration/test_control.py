"""Rules, patterns and thresholds change by single entries, and each change is acknowledged by every shard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.local_stack import LocalStack, await_true
from tests.records import PAYMENT, json_of

pytestmark = pytest.mark.integration

SHARDS = 4
RULES = """\
version: 1
rules:
  - id: certain
    when: amount > 0
    reason: RULE_CERTAIN
    at_least: 0.95
"""


@pytest.fixture(scope="module")
def job(stack: LocalStack) -> Iterator[LocalStack]:
    running = stack.with_namespace("control", shards=SHARDS, device_shards=SHARDS, merchant_shards=SHARDS)
    running.sentinel("submit")
    yield running
    running.cancel_job()


def listed(job: LocalStack, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(job.sentinel(kind, "list", "--json"))
    return found


def history(job: LocalStack, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(job.sentinel(kind, "history", "--json"))
    return found


def decide(job: LocalStack, name: str, ahead_ms: int = 0) -> dict[str, Any]:
    """Pay, so far ahead of the wall clock, and return the decision."""
    topics = job.settings.kafka.topics
    fields = {"transaction_id": name, "user_id": name, "timestamp": round(time.time() * 1000) + ahead_ms}
    job.produce(topics.transactions, [(name.encode(), json_of(PAYMENT, fields))])
    found: list[dict[str, Any]] = []

    def decided() -> bool:
        found[:] = [json.loads(message.value() or b"") for message in job.read(topics.decisions)]
        return any(each["transaction_id"] == name for each in found)

    await_true(decided, 60, f"{name} decided")
    return next(each for each in found if each["transaction_id"] == name)


def test_a_rule_is_added_and_the_others_stay(job: LocalStack, tmp_path: Path) -> None:
    before = listed(job, "rules")
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    output = job.sentinel("rules", "push", str(file), "--yes", "--reason", "a test", "--author", "alice")
    assert "certain: added" in output
    assert f"version 1 is in force on {SHARDS} shards of the merchant stage" in output
    assert set(listed(job, "rules")["entries"]) == {*before["entries"], "certain"}
    decision = decide(job, "after-push")
    assert "certain" in decision["rules"]
    assert decision["action"] == "block"
    (entry,) = history(job, "rules")
    assert (entry["sent"]["author"], entry["sent"]["reason"], entry["sent"]["change"]) == (
        "alice",
        "a test",
        ["certain: added"],
    )
    assert entry["sent"]["source"]["file"] == "rules.yaml"
    assert entry["accepted"] == {"merchant": list(range(SHARDS))}


def test_an_invalid_file_is_refused_with_its_line_before_anything_is_sent(job: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(RULES.replace("amount > 0", "amuont > 0"))
    version = listed(job, "rules")["version"]
    assert "bad.yaml: line 4" in job.sentinel("rules", "push", str(file), "--yes", exit_codes=(1,))
    assert listed(job, "rules")["version"] == version


def test_a_refused_record_displaces_nothing(job: LocalStack) -> None:
    topic, before = job.settings.kafka.topics.control, listed(job, "rules")
    bad = {"kind": "rules", "version": 99, "body": {"version": 1, "rules": 5}}
    stale = {"kind": "rules", "version": 50, "base": 40, "body": {"version": 9, "rules": []}}
    job.produce(topic, [(b"rules", json.dumps(each).encode()) for each in (bad, stale)])
    await_true(lambda: len(history(job, "rules")) == 3, 60, "both refusals in the log")
    assert [entry["refused"] != [] for entry in history(job, "rules")] == [False, True, True]
    assert "made against version 40, and 1 is in force" in history(job, "rules")[2]["refused"][0]
    last = json.loads(job.read(topic)[-1].value() or b"")
    assert (last["version"], listed(job, "rules")) == (1, before), "the good record is the last of its key again"


def test_patterns_are_switched_off_in_every_stage(job: LocalStack) -> None:
    output = job.sentinel("patterns", "disable", "card_testing", "--yes")
    for stage in ("user", "device", "merchant"):
        assert f"{SHARDS} shards of the {stage} stage" in output
    assert listed(job, "patterns")["entries"]["card_testing"]["enabled"] is False


def test_a_threshold_moves_and_decisions_name_its_version(job: LocalStack) -> None:
    job.sentinel("thresholds", "change", "block", "score=0.99", "--yes")
    decision = decide(job, "after-threshold")
    assert (decision["action"], decision["versions"]["thresholds"]) == ("challenge", 1)


def test_a_rollback_is_a_new_version_with_the_earlier_set(job: LocalStack) -> None:
    output = job.sentinel("rules", "rollback", "--yes")
    assert "rolled back to version 0" in output
    assert listed(job, "rules")["version"] == 2
    assert "certain" not in listed(job, "rules")["entries"]
    assert "certain" not in decide(job, "after-rollback")["rules"]


def test_a_file_is_tried_and_the_brake_holds_what_would_block_everybody(job: LocalStack, tmp_path: Path) -> None:
    topics = job.settings.kafka.topics
    now_ms = round(time.time() * 1000)
    names = [f"many {number}" for number in range(2_000)]  # one in a hundred decisions carries its features
    same = {"timestamp": now_ms}
    fields = [{"transaction_id": name, "user_id": name, "merchant_id": name, **same} for name in names]
    values = [json_of(PAYMENT, each) for each in fields]
    job.produce(topics.transactions, [(name.encode(), value) for name, value in zip(names, values, strict=True)])
    await_true(lambda: len(job.read(topics.decisions)) >= len(names), 120, "all decided")
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    tried = json.loads(job.sentinel("rules", "try", str(file), "--json"))
    assert tried["decisions"] >= len(names)
    assert tried["fires_after"]["certain"] > 0.99 * len(names)
    assert "certain" not in tried["fires_before"]
    version = listed(job, "rules")["version"]
    output = job.sentinel("rules", "push", str(file), "--yes", exit_codes=(1,))
    assert "control.max_action_shift is 2.00%" in " ".join(output.split())
    assert listed(job, "rules")["version"] == version
    job.sentinel("rules", "push", str(file), "--yes", "--force")
    assert history(job, "rules")[-1]["sent"]["change"][0].startswith("past the brake: ")
    job.sentinel("rules", "rollback", "--yes")
    assert "certain" not in listed(job, "rules")["entries"]


def test_a_new_job_reads_what_is_in_force(job: LocalStack) -> None:
    job.cancel_job()
    job.sentinel("submit")
    assert decide(job, "new-job")["versions"]["thresholds"] == 1


def test_without_a_job_a_change_is_sent_and_the_exit_code_says_that_nobody_has_it(job: LocalStack) -> None:
    job.cancel_job()
    output = job.sentinel("rules", "disable", "late_night", "--yes", "--timeout", "2", exit_codes=(3,))
    assert "merchant stage: 0 of ? shards" in output


def test_a_payment_is_decided_by_the_thresholds_of_its_event_time(job: LocalStack) -> None:
    job.sentinel("submit")
    before = decide(job, "known")["versions"]["thresholds"]
    body = {"block": 0.98, "challenge": 0.7, "monitor": 0.5, "alert": 0.7}
    record = {
        "kind": "thresholds",
        "version": before + 1,
        "valid_from": round(time.time() * 1000) + 150_000,
        "body": body,
    }
    job.produce(job.settings.kafka.topics.control, [(b"thresholds", json.dumps(record).encode())])

    def is_known() -> bool:
        return any(entry["version"] == before + 1 and entry["accepted"] for entry in history(job, "thresholds"))

    await_true(is_known, 60, "acknowledged")
    assert decide(job, "at-its-time")["versions"]["thresholds"] == before
    assert decide(job, "after-its-time", 250_000)["versions"]["thresholds"] == before + 1
    assert decide(job, "again-at-its-time")["versions"]["thresholds"] == before
