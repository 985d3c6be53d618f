"""A record that cannot be read becomes a dead letter, and nothing else changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, account_event, at, copied, decisions, memory, paid, pipeline, record
from tests.pipeline.stages import user_stage
from tests.pipeline.traffic import traffic
from udfs.names import Kind, Refused
from udfs.stages.envelope import Envelope, decode_envelope, encode_envelope
from udfs.stages.stage_message import shard_of

PAYMENT = {
    "transaction_id": "p",
    "user_id": "alice",
    "amount": 10.0,
    "currency": "EUR",
    "merchant_id": "shop",
    "timestamp": at(0),
}


def refused(sent: bytes) -> list[str]:
    """Reasons for which a batch of one record is refused; nothing must have been decided."""
    taken, output = pipeline().process([sent], NOW_MS)
    assert output.decisions.decisions == []
    return [letter.refusal.reason.value for letter in taken.dead_letters]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Refused.EMPTY),
        (b"", Refused.EMPTY),
        (b"\xff\xfe", Refused.NOT_UTF8),
        (b"amount=10", Refused.NOT_JSON),
        (PAYMENT | {"merchant_id": None}, Refused.MISSING_FIELD),
        (PAYMENT | {"amount": "ten"}, Refused.WRONG_TYPE),
        (PAYMENT | {"amount": -1}, Refused.AMOUNT_NEGATIVE),
        (PAYMENT | {"timestamp": "yesterday"}, Refused.TIME_UNREADABLE),
        (PAYMENT | {"timestamp": NOW_MS + 25 * 3_600_000}, Refused.TIME_IN_FUTURE),
        (PAYMENT | {"user_id": "bob"}, Refused.KEY_MISMATCH),
    ],
)
def test_a_broken_payment_is_refused_with_its_reason(value: dict[str, object] | bytes | None, reason: Refused) -> None:
    assert refused(record(Kind.TRANSACTION, value)) == [reason]


def test_a_broken_account_event_and_a_broken_label_are_refused_too() -> None:
    assert refused(account_event("dance")) == [Refused.UNKNOWN_KIND]
    assert refused(record(Kind.LABEL, {"transaction_id": "p"})) == [Refused.MISSING_FIELD]


def test_a_dead_letter_carries_the_record_as_it_came_and_where_it_came_from() -> None:
    envelope = Envelope(Kind.TRANSACTION, 7, 123_456_789_012, b"k\xffey \n", b"not\njson \xff")
    taken, _ = pipeline().process([encode_envelope(envelope)], NOW_MS)
    (letter,) = taken.dead_letters
    assert letter.envelope == envelope
    assert letter.refusal.detail


@settings(deadline=None)
@given(traffic())
def test_without_its_broken_records_a_stream_comes_to_the_same(records: list[bytes]) -> None:
    with_broken, without = pipeline(), pipeline()
    taken, output = with_broken.process(records, NOW_MS)
    letters = {encode_envelope(letter.envelope) for letter in taken.dead_letters}
    good = [one for one in records if one not in letters]
    clean, expected = without.process(good, NOW_MS)
    assert clean.dead_letters == []
    assert len(records) == len(good) + len(taken.dead_letters)
    assert output.decisions == expected.decisions
    assert copied(with_broken) == copied(without)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
strange_values = st.dictionaries(
    st.sampled_from([*PAYMENT, "location", "device", "account", "metadata", "card_present", "x"]),
    json_values
    | st.sampled_from([10**30, -1, 1e308, 5e-324, "\ud800", "2026-01-01T12:00:00Z"])
    | st.fixed_dictionaries({}, optional={"created_at": json_values, "credit_limit": json_values, "id": json_values}),
    max_size=3,
)


@settings(deadline=None, max_examples=300)
@given(strange_values)
@example({"account": {"credit_limit": 5e-324}, "amount": 1e9})
@pytest.mark.filterwarnings("error")
def test_whatever_a_record_holds_it_is_either_decided_or_refused(fields: dict[str, object]) -> None:
    value = PAYMENT | fields
    user = value["user_id"]
    key = user.encode(errors="replace").decode() if isinstance(user, str) else "alice"
    strange = record(Kind.TRANSACTION, json.dumps(value).encode(), key)
    taken, output = pipeline().process([strange, paid("next", 10.0, user="bob")], NOW_MS)
    assert len(output.decisions.decisions) + len(taken.dead_letters) == 2
    assert "next" in [decision.transaction_id for decision in decisions(output)]
    assert all(json.loads(each) for each in output.decisions.decisions + output.decisions.alerts)


def test_a_refused_record_of_a_new_user_leaves_no_profile() -> None:
    one = pipeline()
    one.process([record(Kind.TRANSACTION, PAYMENT | {"amount": -1})], NOW_MS)
    assert memory(one)[0] == {}


def test_an_envelope_of_a_bad_record_is_opened_as_any_other() -> None:
    assert decode_envelope(record(Kind.TRANSACTION, None, None)) == Envelope(Kind.TRANSACTION, 0, 0, None, None)


def test_a_user_in_the_shard_of_another_form_is_refused_and_harms_nobody() -> None:
    """Java may know an older Unicode than Python, and so send a record to the subtask of another shard."""
    here, elsewhere = (next(name for name in "éüåøñ" if shard_of(name, 2) == shard) for shard in (0, 1))
    sent = [
        paid("a", 5.0, user=elsewhere),
        account_event("password_reset", user=elsewhere),
        paid("b", 5.0, user=here),
    ]
    output = user_stage(shards=2).process(sent, NOW_MS)
    refusals = [letter.refusal for letter in output.dead_letters]
    assert [refusal.reason for refusal in refusals] == [Refused.IDENTIFIER_INVALID] * 2
    assert all("new in Unicode" in refusal.detail for refusal in refusals)
    assert output.transactions == 1
