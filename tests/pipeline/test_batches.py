"""How records are cut into batches is chance, and changes nothing.

A merchant, or a device, sees the payments of one batch in order of event time. So what it makes of payments that come
out of order depends on which of them came in one batch; what a user makes of them never does.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, but_for_minutes, copied, decide, feature, memory, paid, pipeline
from tests.pipeline.traffic import cut, cuts, traffic, weeks
from udfs.features.catalogue import USER_WIDTH
from udfs.pipeline import Pipeline
from udfs.stages.decision_engine import DecisionBatch

WEEKS_LATER_MS = NOW_MS + 250 * 24 * 3_600_000


def processed(
    one: Pipeline, batches: list[list[bytes]], now_ms: int = NOW_MS
) -> tuple[DecisionBatch, dict[str, list[float]]]:
    """All that is decided in a row of batches, and the features of each payment (-1 where absent)."""
    combined = DecisionBatch()
    features: dict[str, list[float]] = {}
    for batch in batches:
        output = one.process(batch, now_ms)[1]
        made = output.decisions
        rows = np.nan_to_num(output.features, nan=-1.0).tolist()
        features |= {payment.transaction_id: row for payment, row in zip(output.payments, rows, strict=True)}
        combined.decision_keys += made.decision_keys
        combined.decisions += made.decisions
        combined.alert_keys += made.alert_keys
        combined.alerts += made.alerts
    return combined, features


@settings(deadline=None)
@given(weeks(), st.data())
def test_records_in_order_of_event_time_are_decided_alike_and_remembered_alike_in_other_batches(
    records: list[bytes], data: st.DataObject
) -> None:
    together, in_parts = pipeline(), pipeline()
    ends = data.draw(cuts(len(records)), label="batches end after")
    expected = processed(together, [records], WEEKS_LATER_MS)
    assert processed(in_parts, cut(records, ends), WEEKS_LATER_MS) == expected
    assert memory(in_parts) == memory(together)


@settings(deadline=None)
@given(traffic(), st.data())
def test_in_whatever_order_features_and_profile_of_a_user_are_alike_in_other_batches(
    records: list[bytes], data: st.DataObject
) -> None:
    together, in_parts = pipeline(), pipeline()
    _, expected = processed(together, [records])
    _, computed = processed(in_parts, cut(records, data.draw(cuts(len(records)), label="batches end after")))
    assert {name: row[:USER_WIDTH] for name, row in computed.items()} == {
        name: row[:USER_WIDTH] for name, row in expected.items()
    }
    assert memory(in_parts)[0] == memory(together)[0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.data())
def test_of_one_partition_even_the_clock_is_the_same(minutes: list[float], data: st.DataObject) -> None:
    records = [paid(f"p{i}", 10.0, minute) for i, minute in enumerate(minutes)]
    together, in_parts = pipeline(), pipeline()
    processed(together, [records])
    processed(in_parts, cut(records, data.draw(cuts(len(records)), label="batches end after")))
    assert [but_for_minutes(state) for state in copied(in_parts)] == [
        but_for_minutes(state) for state in copied(together)
    ]


@settings(deadline=None, max_examples=30)
@given(traffic(), st.data())
def test_however_few_profiles_are_kept_decoded_nothing_changes(records: list[bytes], data: st.DataObject) -> None:
    roomy, tiny = pipeline(), pipeline(cached_profiles=1)
    batches = cut(records, data.draw(cuts(len(records)), label="batches end after"))
    assert processed(tiny, batches) == processed(roomy, batches)
    assert copied(tiny) == copied(roomy)


def test_a_profile_that_was_pushed_out_within_a_batch_keeps_the_events_of_the_batch() -> None:
    users = ("alice", "bob", "carol", "alice")
    sent = [paid(f"p{i}", 10.0, i, user=user, merchant=f"of-{user}") for i, user in enumerate(users)]
    _, output = pipeline(cached_profiles=1).process(sent, NOW_MS)
    assert feature(output, "user_transaction_count_1h") == [1.0, 1.0, 1.0, 2.0]
    assert feature(output, "merchant_transaction_count_24h") == [1.0, 1.0, 1.0, 2.0]


def test_an_empty_batch_changes_nothing() -> None:
    one = pipeline()
    decide(one, paid("a", 10.0))
    before = copied(one)
    assert decide(one) == []
    assert copied(one) == before
