"""Rules in shadow and rules with a validity: what they change in a decision, and what not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.list_records import listed
from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import alert, at, decide, paid, pipeline
from udfs.decision import NO_SHADOW, Decision, Shadow
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline
from udfs.rules import load_rules

ACTIVE = {"id": "active", "when": "amount > 100", "reason": "ACTIVE", "add": 0.4}
TRIED = {"id": "tried", "when": "amount > 200 and channel == 'web'", "reason": "TRIED", "add": 0.35, "mode": "shadow"}


def of_rules(*rules: dict[str, Any], **options: Any) -> Pipeline:
    return pipeline(rules=load_rules({"version": 1, "rules": list(rules)}, FEATURE_NAMES), **options)


def test_a_rule_in_shadow_appears_in_the_shadow_only() -> None:
    (decision,) = decide(of_rules(ACTIVE, TRIED), paid("t1", 300.0, channel="web"))
    assert (decision.rules, decision.score, decision.action) == (["active"], 0.4, "approve")
    assert decision.reasons == ["ACTIVE"]
    assert decision.shadow == Shadow(0.75, "challenge", ("TRIED",), ("tried",))


def test_without_a_rule_in_shadow_that_fires_the_shadow_is_empty() -> None:
    (decision,) = decide(of_rules(ACTIVE, TRIED), paid("t1", 300.0, channel="pos"))
    assert decision.shadow == NO_SHADOW
    assert msgspec.json.encode(decision.shadow) == b"{}"


def test_a_rule_in_shadow_raises_no_alert() -> None:
    assert alert(of_rules({**TRIED, "add": None, "action": "block"}), paid("t1", 300.0, channel="web")) == []


def test_the_rule_in_shadow_may_stand_before_the_active_one() -> None:
    (decision,) = decide(of_rules(TRIED, ACTIVE), paid("t1", 300.0, channel="web"))
    assert (decision.rules, decision.shadow.rules) == (["active"], ("tried",))


def test_a_silenced_rule_is_silent_in_shadow_as_well() -> None:
    entry = listed("suppress", "user", "alice", rules=["tried"])
    (decision,) = decide(of_rules(ACTIVE, TRIED), entry, paid("t1", 300.0, 1, channel="web"))
    assert decision.shadow == NO_SHADOW


def test_what_a_list_decides_is_decided_in_shadow_as_well() -> None:
    (decision,) = decide(of_rules(TRIED), listed("allow", "user", "alice"), paid("t1", 300.0, 1, channel="web"))
    assert (decision.action, decision.shadow.action) == ("approve", "approve")


def test_an_off_rule_is_not_evaluated() -> None:
    (decision,) = decide(of_rules({**ACTIVE, "mode": "off"}, {**TRIED, "mode": "off"}), paid("t1", 300.0))
    assert (decision.rules, decision.shadow) == ([], NO_SHADOW)


_effects = st.sampled_from(
    [{"add": 0.3}, {"add": 0.8}, {"at_least": 0.55}, {"at_least": 1.0}, {"action": "monitor"}, {"action": "block"}]
)
_conditions = st.sampled_from(["amount > 50", "amount > 500", "channel == 'web'", "is_absent(channel)", "amount < 0"])
_rules = st.lists(st.tuples(_conditions, _effects, st.sampled_from(["active", "shadow", "off"])), max_size=6)


@given(_rules, st.booleans())
def test_the_shadow_is_the_decision_by_the_same_rules_all_active(
    listed_rules: list[tuple[str, dict[str, Any], str]], with_model: bool
) -> None:
    rules = [
        {"id": f"r{number}", "when": when, "reason": f"R{number}", "mode": mode, **effect}
        for number, (when, effect, mode) in enumerate(listed_rules)
    ]
    promoted = [{**rule, "mode": "active"} if rule["mode"] == "shadow" else rule for rule in rules]
    model = SuspectsLargeAmounts() if with_model else None
    records = [paid("t1", 100.0, channel="web"), paid("t2", 20_000.0, 1), paid("t3", 10.0, 2)]

    def decided(some: list[dict[str, Any]]) -> list[Decision]:
        return decide(of_rules(*some, model=model), *records)

    without = [rule for rule in rules if rule["mode"] != "shadow"]
    for found, other, bare in zip(decided(rules), decided(promoted), decided(without), strict=True):
        assert (found.score, found.action, found.rules) == (bare.score, bare.action, bare.rules)
        expected = set(other.rules) - set(bare.rules)
        assert set(found.shadow.rules) == expected
        if expected:
            assert (found.shadow.score, found.shadow.action) == (other.score, other.action)


@pytest.mark.parametrize("mode", ["active", "shadow"])
def test_a_rule_holds_from_and_until_event_times(mode: str) -> None:
    one = of_rules({**ACTIVE, "mode": mode, "valid_from": at(10), "valid_until": at(20)})
    records = [paid(f"t{minute}", 200.0, minute) for minute in (9.9, 10, 19.9, 20)]
    found = decide(one, *records)
    fired = [bool(each.rules if mode == "active" else each.shadow.rules) for each in found]
    assert fired == [False, True, True, False]


def test_a_late_payment_is_judged_by_the_rules_of_its_time() -> None:
    one = of_rules({**ACTIVE, "valid_until": at(20)})
    found = decide(one, paid("t30", 200.0, 30)) + decide(one, paid("t15", 200.0, 15))
    assert [each.rules for each in found] == [[], ["active"]]
