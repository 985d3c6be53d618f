"""A backtest decides as the job does: whatever the number of processes, batches and policies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from apps.backtest.backtest import SUBTASKS, run_backtest
from apps.backtest.outcome import ACTIONS, Outcome
from apps.backtest.policy import SHIPPED, PolicyDocuments, read_patterns, read_rules
from apps.backtest.processes import WorkerFailedError, decide, workers
from apps.backtest.source import Batch, InputRecord, Truth, cut, simulated_records
from apps.backtest.subtask import SubtaskOptions
from apps.simulator.simulator import SimulatorOptions
from deploy.job.in_force import SHIPPED_MODEL
from models.artefact import load
from models.scorer import Scorer
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.pipeline import Pipeline
from udfs.stages.envelope import encode_envelope

PAYMENTS = 6_000
SHARDS = 16
STRICT = """
version: 7
rules:
  - {id: large, reason: RULE_LARGE, when: amount > 200, action: challenge}
  - {id: new_merchant, reason: RULE_NEW_MERCHANT, when: user_merchant_new == 1, add: 0.2}
"""
ONE_PATTERN = """
version: 9
patterns:
  - id: two_small
    entity: user
    within: 1d
    steps: [{name: first, where: amount < 30}, {name: second, where: amount < 30}]
    score: 0.6
    severity: medium
    reason: PATTERN_TWO_SMALL
"""


@cache
def traffic() -> tuple[InputRecord, ...]:
    """Some days of simulated payments, account events and labels, with many attacks."""
    options = SimulatorOptions(seed=4, users=300, merchants=60, rate=0.02, fraud_rate=0.1)
    return tuple(simulated_records(options, PAYMENTS))


def shipped(**fields: Any) -> PolicyDocuments:
    defaults: dict[str, Any] = {"name": "shipped", "rules": read_rules(SHIPPED), "patterns": read_patterns(SHIPPED)}
    return PolicyDocuments(**defaults | fields)


def options(*policies: PolicyDocuments, **fields: Any) -> SubtaskOptions:
    defaults: dict[str, Any] = {
        "model": SHIPPED_MODEL,
        "subtasks": SUBTASKS,
        "shards": SHARDS,
        "keep_decisions": True,
        "ablate": False,
    }
    return SubtaskOptions(policies=policies, **defaults | fields)


def batches(size: int = 1_500, shards: int = SHARDS, subtasks: int = SUBTASKS) -> list[Batch]:
    return list(cut(traffic(), shards, subtasks, Truth(), size=size))


def outcomes(chosen: SubtaskOptions, processes: int = 1, size: int = 1_500) -> list[Outcome]:
    with workers(chosen, processes) as subtasks:
        return list(decide(batches(size, chosen.shards, chosen.subtasks), subtasks, chosen))


def by_id(decisions: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """Decisions without the time at which they were made."""
    decoded = [msgspec.json.decode(each, type=dict[str, Any]) for each in decisions]
    return {each["transaction_id"]: {**each, "decided_at": None} for each in decoded}


def decisions(found: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    return by_id([value for outcome in found for value in outcome.decisions])


@cache
def alone() -> dict[str, dict[str, Any]]:
    """Decisions of one pipeline with one shard of each stage, in batches of another size."""
    model = Scorer(load(SHIPPED_MODEL, FEATURE_NAMES, feature_hash()))
    pipeline, made = Pipeline(model=model), []
    records = traffic()
    for start in range(0, len(records), 700):
        batch = records[start : start + 700]
        encoded = [encode_envelope(record.envelope) for record in batch]
        made += pipeline.process(encoded, now_ms=batch[-1].time)[1].decisions.decisions
    return by_id(made)


def test_two_processes_decide_what_one_decides() -> None:
    chosen = options(shipped(), shipped(name="strict", rules=STRICT), ablate=True)
    one, two = outcomes(chosen, processes=1), outcomes(chosen, processes=2)
    assert decisions(one) == decisions(two)
    assert len(decisions(one)) >= PAYMENTS
    for here, there in zip(one, two, strict=True):
        assert here.transaction_ids == there.transaction_ids
        for mine, theirs in zip(here.decided, there.decided, strict=True):
            for name in ("scores", "actions", "alerts", "spoke", "ablated"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


@pytest.mark.parametrize("subtasks", [1, 3, SUBTASKS])
def test_any_number_of_subtasks_decides_what_one_pipeline_decides(subtasks: int) -> None:
    found = decisions(outcomes(options(shipped(), subtasks=subtasks)))
    assert any(each["patterns"] for each in found.values())
    assert found == alone()


def test_a_policy_that_shares_the_stages_of_another_decides_what_it_decides_alone() -> None:
    strict = shipped(name="strict", rules=STRICT, thresholds=Thresholds(block=0.8, challenge=0.6, monitor=0.3))
    separate = outcomes(options(strict))
    together = outcomes(options(shipped(), strict))
    for mine, theirs in zip(separate, together, strict=True):
        np.testing.assert_array_equal(mine.decided[0].scores, theirs.decided[1].scores)
        np.testing.assert_array_equal(mine.decided[0].actions, theirs.decided[1].actions)
        np.testing.assert_array_equal(mine.decided[0].alerts, theirs.decided[1].alerts)
        np.testing.assert_array_equal(mine.decided[0].spoke, theirs.decided[1].spoke)


def test_policies_with_other_patterns_have_stages_of_their_own() -> None:
    other = shipped(name="other", patterns=ONE_PATTERN)
    separate = outcomes(options(other))
    together = outcomes(options(shipped(), other))
    assert decisions(together) == alone()
    assert sum(len(each.decided[0].spoke) for each in separate) > 0
    for mine, theirs in zip(separate, together, strict=True):
        np.testing.assert_array_equal(mine.decided[0].scores, theirs.decided[1].scores)
        np.testing.assert_array_equal(mine.decided[0].spoke, theirs.decided[1].spoke)


def test_what_is_a_rules_own_is_what_a_set_without_it_decides_otherwise() -> None:
    policy = shipped(rules=STRICT)
    place = [cause.id for cause in policy.causes()].index("large")
    less = shipped(rules="\n".join(line for line in STRICT.splitlines() if "id: large" not in line))
    flipped = 0
    for combined, reduced in zip(outcomes(options(policy, ablate=True)), outcomes(options(less)), strict=True):
        ablated = combined.decided[0].ablated
        ablated = ablated[ablated[:, 1] == place]
        differs = (combined.decided[0].actions != reduced.decided[0].actions) | (
            combined.decided[0].alerts != reduced.decided[0].alerts
        )
        assert ablated[:, 0].tolist() == np.flatnonzero(differs).tolist()
        assert ablated[:, 2].tolist() == reduced.decided[0].actions[differs].tolist()
        assert ablated[:, 3].tolist() == reduced.decided[0].alerts[differs].astype(int).tolist()
        flipped += len(ablated)
    assert flipped > 100


def test_payments_before_the_time_that_counts_fill_profiles_only() -> None:
    times = sorted(record.time for record in traffic())
    since, until = times[len(times) // 2], times[len(times) * 3 // 4]
    found = decisions(outcomes(options(shipped(), since_ms=since, until_ms=until)))
    assert 0 < len(found) < PAYMENTS
    assert found == {name: each for name, each in alone().items() if since <= each["event_time"] < until}


def test_figures_come_from_decisions_and_truth() -> None:
    truth = Truth()
    result = run_backtest(cut(traffic(), SHARDS, SUBTASKS, truth), truth, options(shipped(), shipped(rules=STRICT)))
    policy = result.policies[0]
    expected = alone()
    assert result.payments == len(expected)
    assert policy.alerts == sum(each["score"] >= 0.7 for each in expected.values())
    assert policy.actions == {action: sum(each["action"] == action for each in expected.values()) for action in ACTIONS}
    frauds = {
        msgspec.json.decode(record.envelope.value or b"")["transaction_id"] for record in traffic() if record.fraud
    }
    caught = sum(expected[name]["score"] >= 0.7 for name in frauds)
    assert policy.recall is not None
    assert policy.recall.value == pytest.approx(caught / len(frauds))
    assert sum(each.payments for each in result.flips) >= len(result.examples) > 0


def test_a_stage_that_fails_in_another_process_ends_the_backtest_with_its_traceback() -> None:
    chosen = options(shipped(rules="no rules at all"))
    with pytest.raises(WorkerFailedError, match="RuleError"), workers(chosen, 2) as subtasks:
        list(decide(batches(), subtasks, chosen))
