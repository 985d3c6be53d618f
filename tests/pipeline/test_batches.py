"""How records are cut into batches is chance, and changes nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, decide, feature, paid, pipeline, profiles
from tests.pipeline.traffic import cut, cuts, traffic
from udfs.pipeline import Pipeline
from udfs.stages.verdict import Verdicts


def processed(one: Pipeline, batches: list[list[bytes]]) -> tuple[Verdicts, list[list[float]]]:
    """All that is decided in a row of batches, and the features of all payments (-1 where absent)."""
    whole = Verdicts()
    features: list[list[float]] = []
    for batch in batches:
        output = one.process(batch, NOW_MS)[1]
        verdicts = output.verdicts
        features += np.nan_to_num(output.features, nan=-1.0).tolist()
        whole.decision_keys += verdicts.decision_keys
        whole.decisions += verdicts.decisions
        whole.alert_keys += verdicts.alert_keys
        whole.alerts += verdicts.alerts
    return whole, features


@settings(deadline=None)
@given(traffic(), st.data())
def test_the_same_records_in_other_batches_are_decided_alike_and_remembered_alike(
    records: list[bytes], data: st.DataObject
) -> None:
    together, in_parts = pipeline(), pipeline()
    ends = data.draw(cuts(len(records)), label="batches end after")
    assert processed(in_parts, cut(records, ends)) == processed(together, [records])
    assert profiles(in_parts.user_state) == profiles(together.user_state)
    assert profiles(in_parts.merchant_state) == profiles(together.merchant_state)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.data())
def test_of_one_partition_even_the_clock_is_the_same(minutes: list[float], data: st.DataObject) -> None:
    records = [paid(f"p{i}", 10.0, minute) for i, minute in enumerate(minutes)]
    together, in_parts = pipeline(), pipeline()
    processed(together, [records])
    processed(in_parts, cut(records, data.draw(cuts(len(records)), label="batches end after")))
    assert in_parts.user_state == together.user_state
    assert in_parts.merchant_state == together.merchant_state


@settings(deadline=None, max_examples=30)
@given(traffic(), st.data())
def test_however_few_profiles_are_kept_decoded_nothing_changes(records: list[bytes], data: st.DataObject) -> None:
    roomy, tiny = pipeline(), pipeline(cached_profiles=1)
    batches = cut(records, data.draw(cuts(len(records)), label="batches end after"))
    assert processed(tiny, batches) == processed(roomy, batches)
    assert (tiny.user_state, tiny.merchant_state) == (roomy.user_state, roomy.merchant_state)


def test_a_profile_that_was_pushed_out_within_a_batch_keeps_what_the_batch_told_it() -> None:
    users = ("alice", "bob", "carol", "alice")
    sent = [paid(f"p{i}", 10.0, i, user=user, merchant=f"of-{user}") for i, user in enumerate(users)]
    _, output = pipeline(cached_profiles=1).process(sent, NOW_MS)
    assert feature(output, "user_transaction_count_1h") == [1.0, 1.0, 1.0, 2.0]
    assert feature(output, "merchant_transaction_count_24h") == [1.0, 1.0, 1.0, 2.0]


def test_an_empty_batch_changes_nothing() -> None:
    one = pipeline()
    decide(one, paid("a", 10.0))
    remembered = dict(one.user_state), dict(one.merchant_state)
    assert decide(one) == []
    assert (one.user_state, one.merchant_state) == remembered
