"""Recorded decisions are decided again under another set, and shares hold for all decisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.control.brake import BrakeError, past_the_brake, require_small_shift
from deploy.control.preview import ModelScore, PastDecision, Preview, needs_records, preview
from deploy.control.sets import default_control, with_set
from flink_jobs.settings import Settings
from udfs.control.editing import Document

RULES: Document = {
    "version": 1,
    "rules": [{"id": "large", "when": "amount > 500", "reason": "LARGE", "at_least": 0.95}],
}
NO_RULES: Document = {"version": 1, "rules": []}


def recorded(name: str, amount: float | None, **fields: Any) -> PastDecision:
    """A decision; without features if there is no amount."""
    options: dict[str, Any] = {"action": "approve", "score": 0.1, "model": ModelScore(0.1)}
    features: dict[str, float | None] = {} if amount is None else {"amount": amount}
    return PastDecision(
        transaction_id=name, user_id="u", merchant_id="m", event_time=0, features=features, **options | fields
    )


def of(decisions: list[PastDecision], before: Document = NO_RULES, after: Document = RULES) -> Preview:
    one, other = (with_set(default_control(Settings()), "rules", each) for each in (before, after))
    return preview(decisions, one, other)


def test_a_decision_with_features_stands_for_all_of_its_group() -> None:
    found = of([recorded("small", 1.0), recorded("large", 900.0), *(recorded(str(each), None) for each in range(8))])
    assert (found.decisions, found.decided_again, found.unknown) == (10, 2, 0)
    assert (found.actions_before, found.actions_after) == ({"approve": 10}, {"approve": 5, "block": 5})
    assert (found.fires_after, found.flips) == ({"large": 5}, {"approve -> block": 5})
    assert abs(found.shift()[1]) == 0.5


def test_alerts_are_no_sample_of_the_others() -> None:
    alerts = [recorded(f"alert {each}", 900.0, action="block", score=0.95, model=ModelScore(0.95)) for each in range(5)]
    others = [recorded("one", 1.0), *(recorded(str(each), None) for each in range(94))]
    found = of([*alerts, *others])
    assert found.actions_after == {"block": 5, "approve": 95}
    assert found.flips == {}


def test_decisions_of_which_nothing_is_known_are_counted_as_such() -> None:
    found = of([recorded(str(each), None) for each in range(4)])
    assert (found.unknown, found.shift()[1]) == (4, 0)
    assert "nothing is known of 4" in found.line()


def test_a_match_counts_only_while_its_pattern_is_in_force() -> None:
    match = recorded("match", 1.0, patterns=("card_testing",))
    before = with_set(default_control(Settings()), "rules", NO_RULES)
    without = with_set(before, "patterns", {"version": 1, "patterns": []})
    found = preview([match], before, without)
    assert (found.fires_before, found.fires_after) == ({"card_testing": 1}, {})
    assert found.actions_after == {"approve": 1}
    assert found.actions_before != found.actions_after


def test_the_brake_names_action_share_and_bound_and_lets_small_shifts_pass() -> None:
    found = of([recorded(f"{amount} {each}", amount) for amount in (1.0, 900.0) for each in range(5)])
    with pytest.raises(BrakeError, match=r"'block' would move by \+50.00%, and control.max_action_shift is 2.00%"):
        require_small_shift(found, 0.02)
    require_small_shift(found, 0.5)
    assert past_the_brake(found, 0.02) == "past the brake: block +50.00%"
    assert past_the_brake(found, 0.5) == ""


def test_a_few_decisions_are_chance() -> None:
    require_small_shift(of([recorded("one", 900.0), recorded("other", 900.0)]), 0.02)


def test_rules_of_fields_are_tried_on_the_records_of_the_payments() -> None:
    rule = {"id": "web", "when": "channel == 'web' and device_id == 'd'", "reason": "WEB", "at_least": 0.95}
    before, after = (
        with_set(default_control(Settings()), "rules", {"version": 1, "rules": rules}) for rules in ([], [rule])
    )
    assert (needs_records(before), needs_records(after)) == (False, True)
    decisions = [recorded(name, 1.0) for name in ("web", "pos", "lost")]
    required = {"user_id": "u", "merchant_id": "m", "amount": 1.0, "currency": "EUR", "timestamp": 0}
    records = {
        ("u", name): json.dumps({**required, "transaction_id": name, "channel": name, "device": {"id": "d"}}).encode()
        for name in ("web", "pos")
    }
    found = preview(decisions, before, after, records)
    assert (found.decided_again, found.flipped) == (2, 1)
    assert found.actions_after == {"approve": 1.5, "block": 1.5}


def test_lists_are_known_without_records() -> None:
    rule = {"id": "vip", "when": "user_id in list('vip')", "reason": "VIP", "at_least": 0.95}
    after = with_set(default_control(Settings()), "rules", {"version": 1, "rules": [rule]})
    assert not needs_records(after)
    found = of([recorded("a", 1.0, lists=("vip:user",))], after={"version": 1, "rules": [rule]})
    assert found.actions_after == {"block": 1}
