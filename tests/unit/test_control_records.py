"""Control records: a record is accepted as a whole, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.control.record import Control, decode_control
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
    """Decode a record that is keyed by its kind, unless another key is passed."""
    value = json.dumps({"kind": kind, "version": version, "body": body} | more).encode()
    return decode_control(value, kind.encode() if key is None else key, NAMES)


def refused(record: Control | Refusal) -> str:
    assert isinstance(record, Refusal), f"accepted: {record}"
    assert record.reason is Refused.CONTROL_INVALID
    assert record.detail
    return record.detail


def rules_of(record: Control | Refusal) -> RuleSet:
    assert isinstance(record, Control), record
    assert isinstance(record.value, RuleSet)
    return record.value


def test_the_record_has_a_version_and_its_rules_have_another() -> None:
    control = read("rules", RULES, version=12)
    assert isinstance(control, Control)
    assert (control.kind, control.version, rules_of(control).version) == ("rules", 12, 7)
    assert [rule.id for rule in rules_of(control).all] == ["high"]


def test_rules_may_be_the_text_of_their_file() -> None:
    text = "version: 7\nrules:\n- {id: high, reason: RULE_HIGH, when: amount > 500, add: 0.4}\n"
    assert rules_of(read("rules", text)).all == rules_of(read("rules", RULES)).all


@pytest.mark.parametrize("note", ["naïve", "用户", "🦊", 'a "quote"', "C:\\fraud", "two\nlines", "tab\t", "\u2028"])
def test_a_description_survives(note: str) -> None:
    (rule,) = rules_of(read("rules", {"version": 1, "rules": [RULE | {"description": note}]})).all
    assert rule.description == note


@pytest.mark.parametrize("share", [1e-05, 1e-7, 0.25])
def test_a_number_may_be_as_small_as_json_can_write_it(share: float) -> None:
    (rule,) = rules_of(read("rules", {"version": 1, "rules": [RULE | {"add": share}]})).all
    assert rule.add == share


def test_the_size_of_rules_is_limited_also_as_an_object() -> None:
    notes = [RULE | {"id": f"r{number}", "description": "x" * 1_000} for number in range(2_200)]
    assert refused(read("rules", {"version": 1, "rules": notes})).startswith(
        "a document of rules has at most 2097152 characters"
    )


def test_a_problem_in_rules_as_an_object_is_in_line_1() -> None:
    wrong = RULE | {"when": "amount >\n  five"}
    detail = refused(read("rules", {"version": 1, "rules": [wrong]}))
    assert detail == "line 2, column 3 of the condition: rule high: unknown name 'five'"


def test_a_repeated_record_is_decoded_once() -> None:
    first, again = read("rules", RULES), read("rules", RULES)
    assert first is again
    assert read("rules", RULES, version=2) is not first


def test_the_same_record_is_decoded_again_for_other_features() -> None:
    value = json.dumps({"kind": "rules", "version": 1, "body": RULES}).encode()
    assert isinstance(decode_control(value, b"rules", ("amount",)), Control)
    assert isinstance(decode_control(value, b"rules", ("total",)), Refusal)
    reordered = rules_of(decode_control(value, b"rules", ("user_merchant_new", "amount")))
    row = np.array([[1.0, 700.0]])
    assert reordered.evaluate(row).of_row(0)
    assert not rules_of(decode_control(value, b"rules", NAMES)).evaluate(row).of_row(0)


def test_thresholds_have_four_scores() -> None:
    control = read("thresholds", THRESHOLDS)
    assert isinstance(control, Control)
    assert control.value == Thresholds(block=0.95, challenge=0.8, monitor=0.6, alert=0.9)


def test_a_tombstone_is_refused() -> None:
    """A tombstone cannot revoke what is in force: a newer version replaces it."""
    for value in (None, b""):
        assert "send a newer version" in refused(decode_control(value, b"rules", NAMES))


@pytest.mark.parametrize("key", [b"", b"thresholds", b"rules ", b"RULES", b"\xff"])
def test_a_record_with_the_key_of_another_kind_is_refused(key: bytes) -> None:
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
def test_anything_but_a_control_record_is_refused(record: bytes) -> None:
    refused(decode_control(record, b"rules", NAMES))


def test_an_unknown_kind_is_refused() -> None:
    assert "Invalid enum value 'models'" in refused(read("models", {}))


def test_an_unknown_field_is_refused_since_it_might_matter() -> None:
    assert "unknown field `shadow`" in refused(read("rules", RULES, shadow=True))


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, None, MAX_VERSION + 1, 2**63, 2**64, 10**30])
def test_a_version_is_a_positive_integer_with_a_maximum(version: object) -> None:
    refused(read("rules", RULES, version=version))


def test_the_maximum_version_is_accepted() -> None:
    assert isinstance(read("rules", RULES | {"version": MAX_VERSION}, version=MAX_VERSION), Control)


@pytest.mark.parametrize(
    ("body", "problem"),
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
def test_invalid_rules_are_refused_with_their_problems(body: object, problem: str) -> None:
    assert problem in refused(read("rules", body))


@pytest.mark.parametrize(
    ("change", "problem"),
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
def test_invalid_thresholds_are_refused(change: dict[str, object], problem: str) -> None:
    assert problem in refused(read("thresholds", THRESHOLDS | change))


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
def test_any_record_is_accepted_or_refused(kind: str, version: object, body: object) -> None:
    record = read(kind, body, version)
    assert isinstance(record, Control) or refused(record)


@given(st.binary(max_size=100), st.one_of(st.none(), st.binary(max_size=12)))
def test_any_other_bytes_are_refused(value: bytes, key: bytes | None) -> None:
    refused(decode_control(value, key, NAMES))
