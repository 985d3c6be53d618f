"""A stage that was thrown away and built again on its state goes on as if nothing had happened."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, controlled, copied, decide, paid, pipeline, restarted
from tests.pipeline.traffic import cut, cuts, traffic
from udfs.stages.merchant import MerchantOutput

BLOCK_ALL = {"version": 2, "rules": [{"id": "all", "when": "amount >= 0", "reason": "ALL", "action": "block"}]}


def counted(output: MerchantOutput) -> list[object]:
    """What a batch adds to the metrics, and when."""
    return [list(output.minutes), output.closed, output.watermark]


@settings(deadline=None)
@given(traffic(), st.data())
def test_a_job_restarted_before_every_batch_decides_as_one_that_never_was(
    records: list[bytes], data: st.DataObject
) -> None:
    steady, shaken = pipeline(), pipeline()
    for batch in cut(records, data.draw(cuts(len(records)), label="batches end after")):
        shaken = restarted(shaken)
        expected, actual = steady.process(batch, NOW_MS), shaken.process(batch, NOW_MS)
        assert actual[0] == expected[0]
        assert actual[1].decisions == expected[1].decisions
        np.testing.assert_array_equal(actual[1].features, expected[1].features)
        assert counted(actual[1]) == counted(expected[1])
        assert copied(shaken) == copied(steady)


@settings(deadline=None)
@given(traffic(), st.data())
def test_one_that_goes_on_from_its_changelog_decides_as_one_that_never_stopped(
    records: list[bytes], data: st.DataObject
) -> None:
    steady, shaken = pipeline(), pipeline(changelog=True)
    for batch in cut(records, data.draw(cuts(len(records)), label="batches end after")):
        if data.draw(st.booleans(), label="a restart before the batch"):
            shaken = restarted(shaken, changelog=True)
        expected, actual = steady.process(batch, NOW_MS), shaken.process(batch, NOW_MS)
        assert actual[1].decisions == expected[1].decisions
        np.testing.assert_array_equal(actual[1].features, expected[1].features)


def test_a_batch_that_was_lost_with_the_machine_is_decided_again_and_alike() -> None:
    one = pipeline()
    decide(one, *(paid(f"p{i}", 10.0, i) for i in range(8)))
    checkpoint = copied(one)
    lost = decide(one, paid("p8", 480.0, 9), paid("p9", 480.0, 9.1))
    restored = pipeline(states=checkpoint)
    assert decide(restored, paid("p8", 480.0, 9), paid("p9", 480.0, 9.1)) == lost


def test_what_was_late_before_a_restart_is_late_after_it() -> None:
    one = pipeline()
    decide(one, paid("a", 10.0, 10))
    late, in_time = decide(restarted(one), paid("b", 10.0, 0), paid("c", 10.0, 10.1))
    assert (late.late, in_time.late) == (True, False)


def test_rules_from_control_are_in_force_after_a_restart() -> None:
    one = pipeline()
    decide(one, control=(controlled("rules", 1, BLOCK_ALL),))
    (decision,) = decide(restarted(one), paid("a", 10.0))
    assert (decision.action, decision.rules, decision.versions.rules) == ("block", ["all"], 2)


def test_rules_from_control_outlive_a_second_restart_as_well() -> None:
    one = pipeline()
    decide(one, control=(controlled("rules", 1, BLOCK_ALL),))
    second = restarted(one)
    decide(second, paid("a", 10.0))
    (decision,) = decide(restarted(second), paid("b", 10.0))
    assert decision.action == "block"


def test_thresholds_from_control_are_in_force_after_a_restart() -> None:
    one = pipeline()
    strict = {"block": 0.0, "challenge": 0.0, "monitor": 0.0, "alert": 0.0}
    decide(one, control=(controlled("thresholds", 1, strict),))
    (decision,) = decide(restarted(one), paid("a", 10.0))
    assert decision.action == "block"
