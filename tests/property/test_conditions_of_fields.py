"""Conditions over texts, numbers, metadata and lists of payments: a batch, the records and plain Python agree."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.conditions import holds
from udfs.conditions import code_of, parse_condition
from udfs.conditions.tree import Name, Predicate, leaves
from udfs.records.transaction import reread_transaction
from udfs.rules.vocabulary import rule_vocabulary
from udfs.stages.stage_message import Payment
from udfs.vocabulary.payment_conditions import PaymentBatch, PaymentConditions

FEATURES = {"amount": 0, "user_merchant_new": 1}
VOCABULARY = rule_vocabulary(FEATURES)
_ABSENT = math.nan

_OPERATORS = st.sampled_from(["<", ">=", "==", "!="])
_texts = st.sampled_from(["a", "ab", "abc", "用户", "\u00fc", "u\u0308"])
_written = st.sampled_from(["'a'", "'ab'", "'abc'", "'用户'", "'\u00fc'", "'u\u0308'"])
_names = st.sampled_from(["city", "device_user_agent", "device_ip", "channel", "merchant_id", "metadata.x"])
_numbers = st.sampled_from(["amount", "user_merchant_new", "latitude", "declined", "metadata.x", "metadata['y']"])
_comparisons = st.one_of(
    st.builds("{} {} {}".format, _names, st.sampled_from(["==", "!="]), _written),
    st.builds("{} {} ({}, {})".format, _names, st.sampled_from(["in", "not in"]), _written, _written),
    st.builds("starts_with({}, {})".format, _names, _written),
    st.builds("{} {} {}".format, _numbers, _OPERATORS, st.sampled_from(["0", "1", "5.5"])),
    st.builds("{} {} (0, 5.5, -1)".format, _numbers, st.sampled_from(["in", "not in"])),
    st.builds("is_absent({})".format, st.one_of(_names, _numbers)),
    st.builds("{} {} list('vip')".format, st.sampled_from(["user_id", "card_id"]), st.sampled_from(["in", "not in"])),
    st.just("city == device_user_agent"),
)
_conditions = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=5,
)
_metadata = st.one_of(st.none(), _texts, st.booleans(), st.sampled_from([0, 1, 5.5, "5.5", "N/A", [], {"x": 1}]))
_records = st.fixed_dictionaries(
    {"amount": st.sampled_from([0.0, 1.0, 5.5, 1e9])},
    optional={
        "city": st.one_of(_texts, st.just("N/A")),
        "ip": _texts,
        "user_agent": _texts,
        "channel": _texts,
        "latitude": st.sampled_from([0, 1, 5.5, 91]),
        "x": _metadata,
        "y": _metadata,
        "declined": st.booleans(),
        "lists": st.sampled_from([("vip:user",), ("vip:card", "vip:user"), ("vip:device",)]),
    },
)


def payment_of(values: dict[str, Any]) -> Payment:
    """A payment of a stage message with its record."""
    has = values.get
    metadata = {name: has(name) for name in ("x", "y", "declined") if name in values}
    record = {
        **{"transaction_id": "t", "user_id": "u", "merchant_id": "ab", "amount": has("amount"), "currency": "EUR"},
        **{"timestamp": 0, "channel": has("channel"), "metadata": metadata},
        "location": {"city": has("city"), "latitude": has("latitude")},
        "device": {"ip": has("ip"), "user_agent": has("user_agent")},
    }
    value = json.dumps(record).encode()
    declined = reread_transaction(value).declined
    lists = has("lists", ())
    return Payment("t", "u", "ab", None, values["amount"], 0, declined, False, (), value, lists=lists)


def row_of(values: dict[str, Any], condition: Predicate) -> dict[str, float]:
    """The values of the names in a condition, as the documentation says them, without the product's readers."""
    return {leaf.name: value_of(values, leaf.name) for leaf in leaves(condition) if isinstance(leaf, Name)}


def value_of(values: dict[str, Any], name: str) -> float:
    has = values.get
    if name.startswith("list:"):
        return float(name.removeprefix("list:") in has("lists", ()))
    if name.startswith("metadata."):
        return metadata_of(has(name[len("metadata.")]), name.rpartition(":")[2])
    name, _, length = name.partition("[:")
    if name in ("amount", "latitude", "declined"):
        number = has(name, 0 if name == "declined" else None)
        return _ABSENT if number is None or (name == "latitude" and number > 90) else float(number)
    if name == "user_merchant_new":
        return _ABSENT
    text = {"merchant_id": "ab", "device_ip": has("ip"), "device_user_agent": has("user_agent")}.get(name, has(name))
    if text is None or (text == "N/A" and name == "city"):
        return _ABSENT
    composed = text.replace("u\u0308", "\u00fc")
    return code_of(composed[: int(length[:-1])] if length else composed)


def metadata_of(value: Any, use: str) -> float:
    if value is None or value == "N/A":
        return _ABSENT
    if use == "any":
        return 1.0
    if use == "text":
        return code_of(value.replace("u\u0308", "\u00fc")) if isinstance(value, str) else _ABSENT
    if isinstance(value, bool | int | float):
        return float(value)
    return 5.5 if value == "5.5" else _ABSENT


@given(st.lists(_conditions, min_size=1, max_size=4), st.lists(_records, max_size=6))
def test_conditions_over_fields_hold_as_the_documentation_says(written: list[str], rows: list[dict[str, Any]]) -> None:
    conditions = [parse_condition(text, VOCABULARY) for text in written]
    features = np.array([[row["amount"], math.nan] for row in rows]).reshape(-1, 2)
    hits = PaymentConditions(conditions, FEATURES).evaluate(features, PaymentBatch([*map(payment_of, rows)]))
    found = [list(each) for each in np.split(hits.indices, hits.ends)[:-1]]
    assert found == [
        [number for number, condition in enumerate(conditions) if holds(condition, row_of(row, condition))]
        for row in rows
    ]
