"""What control has put in force stays in force: against older versions, repetitions and restarts."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.kernel.times import DAY_MS
from tests.pipeline.sent import NOW_MS
from udfs.control.in_force import ControlInForce, ControlLostError
from udfs.control.record import Control, decode_control
from udfs.decision import Thresholds
from udfs.names import Refused, ShardEntry
from udfs.records.refusal import Refusal
from udfs.rule_documents import MAX_VERSION
from udfs.rules import load_rules

NAMES = ("amount",)
NO_RULES = load_rules("version: 1\nrules: []", NAMES)


def shard() -> ControlInForce:
    """A shard to which control has said nothing yet."""
    return ControlInForce(NO_RULES, Thresholds())


def restarted(control: ControlInForce) -> ControlInForce:
    """What another process makes of the shard's state."""
    other = shard()
    if packed(control):
        other.restore(packed(control), NAMES)
    return other


_days = count(NOW_MS, DAY_MS)  # what is in force is written once a day


def packed(control: ControlInForce) -> bytes:
    """What the shard's state holds of it; nothing before control has said anything."""
    return dict(control.entries(next(_days))).get(ShardEntry.CONTROL.value, b"")


def rules(version: int) -> dict[str, Any]:
    """A set of that version with one rule."""
    return {"version": version, "rules": [{"id": "r", "reason": "R", "when": f"amount > {version}", "add": 0.5}]}


def thresholds(block: float) -> dict[str, float]:
    """Bands, of which one is given."""
    return {"block": block, "challenge": 0.5, "monitor": 0.4, "alert": 0.6}


def send(control: ControlInForce, kind: str, version: int, body: object, **more: object) -> Refusal | None:
    """Show the shard a control record that can be read."""
    value = json.dumps({"kind": kind, "version": version, "body": body} | more).encode()
    change = decode_control(value, kind.encode(), NAMES)
    assert isinstance(change, Control), change
    return control.apply(change, value)


def test_until_control_says_something_the_settings_are_in_force() -> None:
    control = shard()
    assert (control.rules, control.thresholds) == (NO_RULES, Thresholds())
    assert (restarted(control).rules, restarted(control).thresholds) == (NO_RULES, Thresholds())


def test_a_change_is_in_force_at_once() -> None:
    control = shard()
    assert send(control, "rules", 1, rules(2)) is None
    assert send(control, "thresholds", 1, thresholds(0.8)) is None
    assert (control.rules.version, control.thresholds.block) == (2, 0.8)


def test_an_older_version_is_refused_and_changes_nothing() -> None:
    control = shard()
    send(control, "rules", 5, rules(50))
    before = packed(control)
    refusal = send(control, "rules", 4, rules(40))
    assert refusal == Refusal(Refused.CONTROL_STALE, "rules version 4 comes after version 5: send a higher one")
    assert (control.rules.version, packed(control)) == (50, before)


def test_a_record_made_against_another_version_than_the_one_in_force_is_refused() -> None:
    control = shard()
    assert send(control, "rules", 5, rules(50), base=4) is None, "a new job lacks what it was made against"
    refusal = send(control, "rules", 6, rules(60), base=4)
    assert refusal is not None
    assert refusal.reason is Refused.CONTROL_STALE
    assert "made against version 4, and 5 is in force" in refusal.detail
    assert send(control, "rules", 6, rules(60), base=5) is None
    assert (control.version("rules"), control.version("thresholds")) == (6, 0)


def test_the_same_version_with_another_content_is_refused() -> None:
    control = shard()
    send(control, "rules", 5, rules(50))
    refusal = send(control, "rules", 5, rules(51))
    assert refusal is not None
    assert refusal.reason is Refused.CONTROL_STALE
    assert control.rules.version == 50


def test_the_topic_read_again_says_nothing_new() -> None:
    """After a restart Flink may read the compacted topic from the beginning."""
    control = shard()
    send(control, "rules", 5, rules(50))
    assert send(control, "rules", 5, rules(50)) is None
    assert send(restarted(control), "rules", 5, rules(50)) is None


def test_rules_and_thresholds_count_their_versions_apart() -> None:
    control = shard()
    assert send(control, "rules", 9, rules(2)) is None
    assert send(control, "thresholds", 1, thresholds(0.8)) is None


def test_the_largest_version_can_be_kept() -> None:
    control = shard()
    assert send(control, "rules", MAX_VERSION, rules(2)) is None
    assert restarted(control).rules.version == 2


def test_the_shards_of_a_process_share_rules_that_are_the_same_also_after_a_restart() -> None:
    one, other = shard(), shard()
    send(one, "rules", 5, rules(50))
    send(other, "rules", 5, rules(50))
    assert one.rules is other.rules is restarted(one).rules


_changes = st.lists(
    st.one_of(
        st.tuples(st.just("rules"), st.integers(1, 6), st.integers(1, 3).map(rules)),
        st.tuples(st.just("thresholds"), st.integers(1, 6), st.sampled_from([0.7, 0.8, 0.9]).map(thresholds)),
    ),
    max_size=12,
)


@given(_changes, st.integers(0, 12))
def test_a_restart_at_any_moment_changes_nothing(changes: list[tuple[str, int, Any]], moment: int) -> None:
    steady, other = shard(), shard()
    for number, change in enumerate(changes):
        if number == moment:
            other = restarted(other)
        assert send(steady, *change) == send(other, *change)
    assert packed(steady) == packed(other)
    assert (steady.rules.all, steady.thresholds) == (other.rules.all, other.thresholds)


@given(_changes)
def test_the_newest_version_of_each_kind_is_in_force_whatever_the_order(changes: list[tuple[str, int, Any]]) -> None:
    control = shard()
    for change in changes:
        send(control, *change)
    versions = {kind: max((v for k, v, _ in changes if k == kind), default=0) for kind in ("rules", "thresholds")}
    # The first that came with the newest version: another with the same version is refused.
    newest = {kind: body for kind, version, body in reversed(changes) if version == versions[kind]}
    assert control.rules.version == newest.get("rules", {"version": 1})["version"]
    assert control.thresholds.block == newest.get("thresholds", {"block": 0.9})["block"]


# A version of the program that understands less


def test_a_rule_in_force_whose_feature_is_gone_stops_the_start() -> None:
    """Deciding on with other rules than those in force, and saying nothing, would be worse."""
    control = shard()
    send(control, "rules", 5, rules(50))
    with pytest.raises(ControlLostError, match=r"control 'rules' is in force and cannot be read: .*'amount'"):
        shard().restore(packed(control), ("total",))


def test_what_is_in_force_is_written_when_it_changes_and_once_a_day() -> None:
    control = shard()
    written = [bool(dict(control.entries(NOW_MS)))]
    send(control, "rules", 1, rules(50))
    written += [bool(dict(control.entries(NOW_MS + later))) for later in (0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1)]
    assert written == [False, True, False, False, True, False]
