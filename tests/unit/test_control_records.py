"""Control records: a record is accepted as a whole, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.control import Control, decode_control
from udfs.decision import Thresholds
from udfs.names import Refused
from udfs.records.refusal import Refusal
from udfs.rule_documents import MAX_VERSION
from udfs.rules import RuleSet

NAMES = ("amount", "user_merchant_new")
RULE = {"id": "high", "reason": "RULE_HIGH", "when": "amount > 500", "add": 0.4}
RULES = {"version": 7, "rules": [RULE]}
THRESHOLDS = {"block": 0.95, "challenge": 0.8, "monitor": 0.6, "alert": 0.9}


def read(kind: str, body: Any, version: Any = 1, key: bytes | None = None, **more: Any) -> Control | Refusal:
    """What is read of a record that is keyed by its kind, unless another key is given."""
    value = json.dumps({"kind": kind, "version": version, "body": body} | more).encode()
    return decode_control(value, kind.encode() if key is None else key, NAMES)


def refused(record: Control | Refusal) -> str:
    assert isinstance(record, Refusal), f"this was taken for a change: {record}"
    assert record.reason is Refused.CONTROL_INVALID
    assert record.detail
    return record.detail


def rules_of(record: Control | Refusal) -> RuleSet:
    assert isinstance(record, Control), record
    assert isinstance(record.value, RuleSet)
    return record.value


def test_rules_have_a_version_and_the_change_has_its_own() -> None:
    change = read("rules", RULES, version=12)
    assert isinstance(change, Control)
    assert (change.kind, change.version, rules_of(change).version) == ("rules", 12, 7)
    assert [rule.id for rule in rules_of(change).all] == ["high"]


def test_rules_may_be_the_text_of_the_file_they_are_kept_in() -> None:
    text = "version: 7\nrules:\n- {id: high, reason: RULE_HIGH, when: amount > 500, add: 0.4}\n"
    assert rules_of(read("rules", text)).all == rules_of(read("rules", RULES)).all


@pytest.mark.parametrize("note", ["naïve", "用户", "🦊", 'a "quote"', "C:\\fraud", "two\nlines", "tab\t", "\u2028"])
def test_what_a_note_says_survives(note: str) -> None:
    (rule,) = rules_of(read("rules", {"version": 1, "rules": [RULE | {"note": note}]})).all
    assert rule.note == note


@pytest.mark.parametrize("share", [1e-05, 1e-7, 0.25])
def test_a_number_may_be_as_small_as_json_can_write_it(share: float) -> None:
    (rule,) = rules_of(read("rules", {"version": 1, "rules": [RULE | {"add": share}]})).all
    assert rule.add == share


def test_a_set_of_rules_has_an_end_also_as_an_object() -> None:
    notes = [RULE | {"id": f"r{number}", "note": "x" * 1_000} for number in range(2_200)]
    assert refused(read("rules", {"version": 1, "rules": notes})).startswith(
        "a document of rules has at most 2097152 characters"
    )


def test_a_fault_in_rules_that_are_an_object_is_counted_from_their_only_line() -> None:
    wrong = RULE | {"when": "amount >\n  five"}
    detail = refused(read("rules", {"version": 1, "rules": [wrong]}))
    assert detail == "line 2, column 3 of the condition: rule high: unknown name 'five'"


def test_the_same_record_is_read_once_however_often_it_comes() -> None:
    first, again = read("rules", RULES), read("rules", RULES)
    assert first is again
    assert read("rules", RULES, version=2) is not first


def test_the_same_record_means_something_else_where_there_are_other_features() -> None:
    value = json.dumps({"kind": "rules", "version": 1, "body": RULES}).encode()
    assert isinstance(decode_control(value, b"rules", ("amount",)), Control)
    assert isinstance(decode_control(value, b"rules", ("total",)), Refusal)
    reordered = rules_of(decode_control(value, b"rules", ("user_merchant_new", "amount")))
    row = np.array([[1.0, 700.0]])
    assert reordered.evaluate(row).of_row(0)
    assert not rules_of(decode_control(value, b"rules", NAMES)).evaluate(row).of_row(0)


def test_thresholds_are_the_four_of_them() -> None:
    change = read("thresholds", THRESHOLDS)
    assert isinstance(change, Control)
    assert change.value == Thresholds(block=0.95, challenge=0.8, monitor=0.6, alert=0.9)


def test_a_deleted_record_is_no_change() -> None:
    """What was in force cannot be taken back by a tombstone: a newer version says what is in force instead."""
    for value in (None, b""):
        assert "send a newer version" in refused(decode_control(value, b"rules", NAMES))


@pytest.mark.parametrize("key", [b"", b"thresholds", b"rules ", b"RULES", b"\xff"])
def test_a_record_under_anothers_key_would_take_its_place(key: bytes) -> None:
    assert "has that as its key" in refused(read("rules", RULES, key=key))


def test_a_record_without_a_key_is_refused() -> None:
    assert "has that as its key" in refused(
        decode_control(json.dumps({"kind": "rules", "version": 1, "body": RULES}).encode(), None, NAMES)
    )


@pytest.mark.parametrize(
    "record",
    [
        *(b"\xff", b"{", b"[]", b"5", b"null", b"{}", b"\xef\xbb\xbf{}", b"[" * 100_000),
        json.dumps({"kind": "rules", "version": 1}).encode(),
        json.dumps({"kind": "rules", "body": RULES}).encode(),
        json.dumps({"version": 1, "body": RULES}).encode(),
        json.dumps({"kind": "rules", "version": 1, "body": "\ud800"}).encode(),
        json.dumps({"kind": "rules", "version": 1, "body": float("nan")}).encode(),
    ],
)
def test_what_is_no_control_record_is_refused(record: bytes) -> None:
    refused(decode_control(record, b"rules", NAMES))


def test_a_kind_that_nobody_knows_is_refused() -> None:
    assert "Invalid enum value 'models'" in refused(read("models", {}))


def test_a_field_that_nobody_knows_is_refused_since_it_might_have_mattered() -> None:
    assert "unknown field `shadow`" in refused(read("rules", RULES, shadow=True))


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, None, MAX_VERSION + 1, 2**63, 2**64, 10**30])
def test_a_version_is_a_whole_number_that_can_be_kept(version: object) -> None:
    refused(read("rules", RULES, version=version))


def test_the_largest_version_is_one() -> None:
    assert isinstance(read("rules", RULES | {"version": MAX_VERSION}, version=MAX_VERSION), Control)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "expected a mapping with `version` and a list of `rules`"),
        ([], "expected a mapping with `version` and a list of `rules`"),
        ("", "expected a mapping with `version` and a list of `rules`"),
        ("version: 1\nrules: [!!bool perhaps]", "line 2: this is no bool"),
        ("version: 1\nrules: [}", "line 2: "),
        (RULES | {"version": 10**30}, "`version` is an integer"),
        ({"version": 1, "rules": [RULE | {"when": "amuont > 5"}]}, "do you mean 'amount'?"),
        ({"version": 1, "rules": [RULE, RULE]}, "has the same id"),
        ({"version": 1, "rules": [RULE | {"add": 10**400}]}, "out of range"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_with_their_faults(body: object, said: str) -> None:
    assert said in refused(read("rules", body))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"challenge": 0.96}, "thresholds must rise"),
        ({"monitor": 0.81}, "thresholds must rise"),
        ({"block": 1.01}, "<= 1.0 - at `$.block`"),
        ({"alert": -0.1}, ">= 0.0 - at `$.alert`"),
        ({"alert": None}, "Expected `float`, got `null` - at `$.alert`"),
        ({"alert": "0.7"}, "Expected `float`, got `str` - at `$.alert`"),
        ({"shadow": 0.5}, "unknown field `shadow`"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(change: dict[str, object], said: str) -> None:
    assert said in refused(read("thresholds", THRESHOLDS | change))


_bodies = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from([RULE, RULES])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["version", "rules", "id", "when", "reason", "add", "block", "alert"]), inner),
    ),
    max_leaves=8,
)


@given(st.sampled_from(["rules", "thresholds", "patterns"]), st.one_of(_bodies, st.just(1)), _bodies)
def test_whatever_it_holds_it_is_a_change_or_a_refusal(kind: str, version: object, body: object) -> None:
    record = read(kind, body, version)
    assert isinstance(record, Control) or refused(record)


@given(st.binary(max_size=100), st.one_of(st.none(), st.binary(max_size=12)))
def test_whatever_the_bytes_are_they_are_refused(value: bytes, key: bytes | None) -> None:
    refused(decode_control(value, key, NAMES))
