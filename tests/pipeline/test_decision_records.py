"""What stands in ``decisions`` is JSON that a consumer can rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, decide, decisions, paid, pipeline
from tests.pipeline.stages import merchant_stage, user_stage
from tests.pipeline.test_alerts import OF_A_DECISION
from tests.pipeline.traffic import traffic
from udfs.decision import Thresholds, level


def strictly(value: bytes) -> dict[str, Any]:
    """JSON without NaN and infinity, which JSON has not."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    loaded: dict[str, Any] = json.loads(value, parse_constant=refuse)
    return loaded


@settings(deadline=None)
@given(traffic())
@pytest.mark.parametrize("model", [None, SuspectsLargeAmounts()], ids=["rules alone", "with a model"])
def test_every_decision_is_json_of_the_promised_fields_and_agrees_with_itself(
    model: SuspectsLargeAmounts | None, records: list[bytes]
) -> None:
    _, output = pipeline(model=model).process(records, NOW_MS)
    assert all(strictly(value).keys() == OF_A_DECISION for value in output.decisions.decisions)
    thresholds = Thresholds()
    for decision in decisions(output):
        assert 0 <= decision.score <= 1
        assert decision.action == thresholds.action(decision.score)
        assert decision.level == level(decision.score)
        assert len(set(decision.reasons)) == len(decision.reasons)
        assert bool(decision.reasons) >= bool(decision.rules or decision.patterns)
        assert decision.degraded == decision.model.fallback == (model is None)


def test_a_decision_that_is_no_alert_carries_no_features_by_default() -> None:
    (decision,) = decide(pipeline(), paid("a", 10.0))
    assert decision.features == {}


def test_one_decision_of_so_many_carries_its_features_chosen_by_its_id() -> None:
    names = [f"payment {number}" for number in range(400)]

    def sampled(every: int) -> set[str]:
        sent = [paid(name, 10.0, 1, user=name, merchant=name) for name in names]
        messages = [message for _, message, _ in user_stage().process(sent, NOW_MS).to_merchants]
        made = decisions(merchant_stage(sample_every=every).process(messages, NOW_MS))
        return {one.transaction_id for one in made if one.features}

    assert 70 < len(sampled(4)) < 130
    assert sampled(4) == sampled(4)
    assert sampled(1) == set(names)


def test_when_a_payment_was_and_when_it_was_decided_are_two_times() -> None:
    (decision,) = decide(pipeline(), paid("a", 10.0, -30), now_ms=NOW_MS)
    assert (decision.event_time, decision.decided_at) == (1_767_267_000_000, NOW_MS)
