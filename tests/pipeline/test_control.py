"""Control records change decisions from then on; bad ones are refused with a reason and change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.sent import NOW_MS, RULES, controlled, copied, decide, decisions, paid, pipeline, record, restarted
from tests.pipeline.stages import merchant_stage
from udfs.control.in_force import ControlLostError
from udfs.control.log import LogEvent
from udfs.control.record import STAGES
from udfs.names import Kind, Refused, ShardEntry
from udfs.pipeline import MemoryState, Pipeline
from udfs.stages.envelope import decode_envelope
from udfs.stages.stage import Stage

STRICT = {"block": 0.5, "challenge": 0.3, "monitor": 0.1, "alert": 0.3}


def rules(version: int, when: str = "amount > 20", **effect: Any) -> dict[str, Any]:
    """A set of one rule; without another effect it blocks."""
    rule = {"id": "one", "when": when, "reason": "ONE", **(effect or {"action": "block"})}
    return {"version": version, "rules": [rule]}


def refusals(one: Pipeline, *control: bytes) -> list[tuple[Refused, str]]:
    """What is refused of the control records, and why."""
    letters = one.process([], NOW_MS, control)[1].dead_letters
    return [(letter.refusal.reason, letter.refusal.detail) for letter in letters]


# From then on


def test_new_rules_hold_from_then_on_and_not_before() -> None:
    one = pipeline()
    (before,) = decide(one, paid("before", 30.0, 0))
    assert refusals(one, controlled("rules", 1, rules(77))) == []
    (after,) = decide(one, paid("after", 30.0, 1))
    assert (before.action, before.versions.rules) == ("approve", RULES.version)
    assert (after.action, after.rules, after.reasons, after.versions.rules) == ("block", ["one"], ["ONE"], 77)


def test_rules_hold_for_the_batch_they_come_with() -> None:
    (decision,) = decide(pipeline(), paid("a", 30.0), control=(controlled("rules", 1, rules(2)),))
    assert decision.action == "block"


def test_rules_may_come_as_the_text_of_a_yaml_file() -> None:
    text = "version: 3\nrules:\n  - {id: one, when: amount > 20, reason: ONE, at_least: 0.75}\n"
    (decision,) = decide(pipeline(), paid("a", 30.0), control=(controlled("rules", 1, text),))
    assert (decision.score, decision.versions.rules) == (0.75, 3)


def test_new_thresholds_move_the_bands_and_the_alerts() -> None:
    one = pipeline(rules=None)
    very_rapid = paid("a", 30.0, 0), paid("b", 30.0, 0.1)  # adds 0.3
    _, output = one.process(very_rapid, NOW_MS, [controlled("thresholds", 1, STRICT)])
    assert [decision.action for decision in decisions(output)] == ["approve", "challenge"]
    assert len(output.decisions.alerts) == 1


def test_an_action_of_a_rule_goes_where_the_thresholds_put_it() -> None:
    control = (controlled("thresholds", 1, STRICT), controlled("rules", 1, rules(2, action="challenge")))
    (decision,) = decide(pipeline(), paid("a", 30.0), control=control)
    assert (decision.score, decision.action) == (0.3, "challenge")


def test_rules_and_thresholds_have_versions_of_their_own() -> None:
    assert refusals(pipeline(), controlled("rules", 9, rules(2)), controlled("thresholds", 1, STRICT)) == []


# Refused


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (record(Kind.CONTROL, None, "rules"), "cannot be empty"),
        (record(Kind.CONTROL, b"{", "rules"), ""),
        (controlled("rules", 1, rules(2, when="amout > 20")), "do you mean 'amount'?"),
        (controlled("rules", 1, rules(2, when="__import__('os')")), "rule one"),
        (controlled("rules", 1, rules(2, action="refund")), "refund"),
        (controlled("rules", 1, rules(0)), "`version` is an integer from 1"),
        (controlled("rules", 1, "rules: ["), "line"),
        (controlled("rules", 0, rules(2)), "version"),
        (controlled("thresholds", 1, STRICT | {"block": 0.2}), "must rise"),
        (controlled("thresholds", 1, STRICT | {"block": 1.5}), "<= 1"),
        (controlled("thresholds", 1, {"block": 0.9}), "challenge"),
        (controlled("model", 1, {}), "model"),
        (record(Kind.CONTROL, {"kind": "rules", "version": 1, "body": rules(2)}, "thresholds"), "as its key"),
        (record(Kind.CONTROL, {"kind": "rules", "version": 1, "body": rules(2)}, None), "as its key"),
        (record(Kind.CONTROL, {"kind": "rules", "version": 1, "body": rules(2), "by": "eve"}, "rules"), "by"),
    ],
)
def test_a_bad_control_record_is_refused_with_a_reason_and_changes_nothing(sent: bytes, said: str) -> None:
    one, untouched = pipeline(), pipeline()
    ((reason, detail),) = refusals(one, sent)
    assert reason is Refused.CONTROL_INVALID
    assert said in detail
    assert decide(one, paid("a", 600.0)) == decide(untouched, paid("a", 600.0))
    assert copied(one) == copied(untouched)


def test_every_fault_of_bad_rules_is_named_at_once() -> None:
    body = {"version": 2, "rules": [rules(2, when="a >")["rules"][0], rules(2, when="b > 1")["rules"][0] | {"id": "b"}]}
    ((_, detail),) = refusals(pipeline(), controlled("rules", 1, body))
    assert "rule one" in detail
    assert "rule b" in detail


# Versions


@pytest.mark.parametrize("stale", [1, 2])
def test_a_version_that_is_not_newer_is_refused(stale: int) -> None:
    one = pipeline()
    decide(one, control=(controlled("rules", 2, rules(5)),))
    ((reason, detail),) = refusals(one, controlled("rules", stale, rules(6)))
    assert reason is Refused.CONTROL_STALE
    assert "send a higher one" in detail
    (decision,) = decide(one, paid("a", 30.0))
    assert decision.versions.rules == 5


def test_the_record_in_force_sent_again_is_taken_in_silence() -> None:
    one = pipeline()
    assert refusals(one, *[controlled("rules", 2, rules(5))] * 3) == []


def test_a_stale_version_is_refused_after_a_restart_as_well() -> None:
    one = pipeline()
    decide(one, control=(controlled("rules", 2, rules(5)),))
    ((reason, _),) = refusals(restarted(one), controlled("rules", 1, rules(6)))
    assert reason is Refused.CONTROL_STALE


def test_a_record_in_force_that_is_not_understood_any_more_stops_the_job() -> None:
    one = pipeline()
    decide(one, control=(controlled("rules", 2, rules(5)),))
    one.checkpoint(NOW_MS)
    packed = one.states.merchants[ShardEntry.CONTROL]
    one.states.merchants[ShardEntry.CONTROL] = packed.replace(b"amount > 20", b"amount ! 20")
    with pytest.raises(ControlLostError, match="control 'rules' is in force and cannot be read"):
        decide(restarted(one), paid("a", 30.0))


# Shards


def test_every_shard_takes_the_change_and_one_of_them_answers() -> None:
    states = [MemoryState() for _ in range(4)]
    subtasks = [
        merchant_stage({0: states[0], 1: states[1]}, shards=4),
        merchant_stage({2: states[2], 3: states[3]}, shards=4),
    ]
    sent = [controlled("rules", 1, rules(2)), controlled("rules", 1, "nonsense")]
    assert [len(stage.process(sent, NOW_MS).dead_letters) for stage in subtasks] == [1, 0]
    for stage in subtasks:
        stage.checkpoint(NOW_MS)
    assert len({state[ShardEntry.CONTROL] for state in states}) == 1


def test_a_subtask_whose_shards_differ_goes_on_with_the_newest_control() -> None:
    states = [MemoryState(), MemoryState()]
    for number, version in enumerate((1, 2)):
        stage = merchant_stage({number: states[number]}, shards=2)
        stage.process([controlled("rules", version, rules(version))], NOW_MS)
        stage.checkpoint(NOW_MS)
    assert merchant_stage(dict(enumerate(states)), shards=2).control.rules.version == 2
    assert merchant_stage(dict(enumerate(reversed(states))), shards=2).control.rules.version == 2


# The control log


def test_every_stage_that_uses_a_kind_acknowledges_it_once_with_its_shards() -> None:
    one = pipeline()
    change = controlled("patterns", 3, {"version": 9, "patterns": []})
    one.process([], NOW_MS, [change])
    one.process([], NOW_MS, [change])
    stages: list[Stage[Any]] = [one.users, one.devices, one.merchants]
    found = [record for stage in stages for record in stage.drain_acknowledgements()]
    assert [(each.event, each.kind, each.version, each.stage) for each in found] == [
        (LogEvent.ACCEPTED, "patterns", 3, stage) for stage in STAGES["patterns"]
    ]
    assert {(tuple(each.shards), each.shards_of_stage) for each in found} == {((0,), 1)}
    one.process([], NOW_MS, [controlled("rules", 1, rules(2))])
    assert [len(stage.drain_acknowledgements()) for stage in stages] == [0, 0, 1], "only merchants use rules"


def test_a_refused_record_is_logged_and_the_one_in_force_written_again() -> None:
    one = pipeline()
    good = controlled("rules", 2, rules(2))
    one.process([], NOW_MS, [good])
    one.merchants.drain_acknowledgements()
    assert one.merchants.drain_displaced() == []
    refused = [
        controlled("rules", 3, {"version": 1, "rules": 5}),
        controlled("rules", 1, rules(3)),
        record(Kind.CONTROL, b"5", "x"),
    ]
    one.process([], NOW_MS, refused)
    found = one.merchants.drain_acknowledgements()
    assert [(each.event, each.kind, each.version) for each in found] == [
        (LogEvent.REFUSED, "rules", 3),
        (LogEvent.REFUSED, "rules", 1),
        (LogEvent.REFUSED, "", 0),
    ]
    assert all(each.detail for each in found)
    assert one.merchants.drain_displaced() == [("rules", decode_envelope(good).value)] * 2


def test_where_the_defaults_are_in_force_nothing_is_written_again() -> None:
    one = pipeline()
    one.process([], NOW_MS, [controlled("rules", 3, {"version": 1, "rules": 5})])
    assert one.merchants.drain_displaced() == []


def test_a_decision_names_the_version_of_the_thresholds() -> None:
    one = pipeline()
    (before,) = decide(one, paid("before", 30.0, 0))
    (after,) = decide(one, paid("after", 30.0, 1), control=(controlled("thresholds", 4, STRICT),))
    assert (before.versions.thresholds, after.versions.thresholds) == (0, 4)
