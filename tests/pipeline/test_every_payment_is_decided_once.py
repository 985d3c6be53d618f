"""A payment gets a decision, and only one, however often and whenever its record comes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from state.profiles.user_profile import MAX_RECENT_PAYMENTS
from tests.pipeline.sent import NOW_MS, decide, decisions, memory, paid, pipeline, restarted
from tests.pipeline.traffic import traffic
from udfs.names import Kind
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction
from udfs.stages.envelope import decode_envelope


def good_payments(records: list[bytes]) -> set[str]:
    """Ids of the payments that can be read."""
    envelopes = [decode_envelope(record) for record in records]
    read = [decode_transaction(e.value, e.key, NOW_MS, Limits()) for e in envelopes if e.kind == Kind.TRANSACTION]
    return {one.transaction_id for one in read if not isinstance(one, Refusal)}


@settings(deadline=None)
@given(traffic())
def test_every_payment_gets_exactly_one_decision(records: list[bytes]) -> None:
    taken, output = pipeline().process(records, NOW_MS)
    counted = Counter(decision.transaction_id for decision in decisions(output))
    assert counted == Counter(good_payments(records))
    assert len(output.payments) == taken.transactions == counted.total()


def test_decisions_come_in_the_order_of_the_payments_and_under_their_users_key() -> None:
    sent = [paid(f"p{i}", 10.0, i, user=user) for i, user in enumerate(("bob", "alice", "bob"))]
    _, output = pipeline().process(sent, NOW_MS)
    assert [decision.transaction_id for decision in decisions(output)] == ["p0", "p1", "p2"]
    assert output.decisions.decision_keys == [b"bob", b"alice", b"bob"]


def test_a_payment_sent_twice_in_one_batch_is_decided_once() -> None:
    taken, output = pipeline().process([paid("lunch", 14.5), paid("lunch", 14.5)], NOW_MS)
    assert [decision.transaction_id for decision in decisions(output)] == ["lunch"]
    assert taken.duplicates == 1


def test_a_payment_sent_again_later_is_not_decided_again_and_changes_nothing() -> None:
    one = pipeline()
    decide(one, paid("lunch", 14.5), paid("coffee", 3.2, 30))
    before = memory(one)
    assert decide(one, paid("lunch", 14.5)) == []
    assert memory(one) == before


def test_a_payment_sent_again_after_a_restart_is_not_decided_again() -> None:
    before = pipeline()
    decide(before, paid("lunch", 14.5))
    assert decide(restarted(before), paid("lunch", 14.5)) == []


def test_the_first_record_of_a_payment_counts_and_another_under_its_id_is_refused() -> None:
    one = pipeline()
    (decision,) = decide(one, paid("lunch", 14.5), paid("lunch", 90_000.0))
    assert decision.action == "approve"


def test_the_same_id_of_another_user_is_another_payment() -> None:
    both = decide(pipeline(), paid("1", 10.0, user="alice"), paid("1", 10.0, user="bob"))
    assert [decision.user_id for decision in both] == ["alice", "bob"]


def test_a_payment_is_known_again_after_as_many_others_as_are_kept_one_by_one() -> None:
    one = pipeline()
    decide(one, *(paid(f"p{i}", 10.0, i / 100) for i in range(MAX_RECENT_PAYMENTS)))
    assert decide(one, paid("p0", 10.0, 0)) == []


def test_a_batch_without_payments_decides_nothing() -> None:
    assert decide(pipeline()) == []
