"""A key that is there twice is refused, since another program may read the other of its two values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import PAYMENT, read_payment
from udfs.names import Refused
from udfs.records.duplicate_keys import DuplicateKeyError, check_keys
from udfs.records.refusal import Refusal


def payment_with(more: str) -> bytes:
    return json.dumps(PAYMENT).encode()[:-1] + b"," + more.encode() + b"}"


@pytest.mark.parametrize(
    "more",
    [
        '"amount":25000',
        '"amount" : 1',
        '"amount":42.5',
        '"\\u0061mount":25000',
        '"Amount":25000',
        '"location":{"country":"DE","country":"IR"}',
        '"device":{"id":"a"},"device":{"id":"b"}',
        '"metadata":{"declined":false,"declined":true}',
        '"metadata":{"list":[{"x":1},{"y":1,"y":2}]}',
        '"note":1,"note":1',
        '"ümlaut":1,"Ümlaut":2',
        '"deep":' + "[" * 20 + '{"x":1,"x":2}' + "]" * 20,
        ",".join(f'"k{n}":0' for n in range(100)) + ',"k7":1',
    ],
)
def test_a_field_that_is_there_twice_is_refused(more: str) -> None:
    read = read_payment(payment_with(more))
    assert isinstance(read, Refusal)
    assert read.reason is Refused.DUPLICATE_FIELD


@pytest.mark.parametrize(
    "more",
    [
        '"amount_in_words":"amount"',
        '"note":"\\"amount\\":25000, \\"amount\\":1"',
        '"note":"amount","text":"amount","metadata":{"amount":1,"user_id":2}',
        '"list":[{"x":1},{"x":2},{"x":{"x":1}}]',
        ",".join(f'"k{n}":{{"x":{n}}}' for n in range(200)),
    ],
)
def test_one_name_in_several_objects_is_no_repetition(more: str) -> None:
    assert not isinstance(read_payment(payment_with(more)), Refusal)


_documents = st.recursive(
    st.one_of(st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(["a", "b", "A", "é", 'q"']), inner), max_size=4).map(tuple),
    ),
    max_leaves=20,
)


def _text(document: object) -> str:
    """Write a document in which a tuple of pairs is an object."""
    if isinstance(document, tuple):
        return "{" + ", ".join(f"{json.dumps(key)}: {_text(value)}" for key, value in document) + "}"
    if isinstance(document, list):
        return "[" + ",".join(map(_text, document)) + "]"
    return json.dumps(document, ensure_ascii=False)


def _repeats(document: object) -> bool:
    if isinstance(document, tuple):
        keys = [key.lower() for key, _ in document]
        return len(set(keys)) < len(keys) or any(_repeats(value) for _, value in document)
    return isinstance(document, list) and any(map(_repeats, document))


@given(document=_documents)
def test_exactly_the_documents_with_a_repeated_key_are_found(document: object) -> None:
    found = False
    try:
        check_keys(_text(document).encode())
    except DuplicateKeyError:
        found = True
    assert found is _repeats(document)
