"""A day at the till as hypothesis makes it: bursts, late payments, repeated ones, events, labels, broken records."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.pipeline.sent import account_event, labelled, paid, record
from udfs.names import Kind

USERS = {"alice": 0, "bob": 1, "carol": 1}
"""With the partition that each one's records lie in."""

_gaps = st.one_of(st.just(0.0), st.floats(0.01, 1.0), st.floats(1.0, 40.0))
_delays = st.one_of(st.just(0.0), st.just(0.0), st.floats(0.0, 0.5), st.floats(0.5, 50.0))
_amounts = st.sampled_from([0.0, 0.9, 1.5, 4.99, 30.0, 99.5, 250.0, 480.0, 1_000.0, 12_000.0])
_broken = st.sampled_from([b"", b"{", b"[]", b'{"transaction_id":"x"}', b"\xff", b'{"amount":NaN}'])
_payments = st.tuples(
    st.just("payment"),
    st.sampled_from(sorted(USERS)),
    st.sampled_from(["shop", "game", "bank"]),
    _amounts,
    _delays,
    st.booleans(),
    st.sampled_from([None, "phone", "laptop"]),
)
_others = st.one_of(
    st.tuples(st.just("again"), st.integers(0, 100)),
    st.tuples(st.just("event"), st.sampled_from(["login", "password_reset"]), _delays),
    st.tuples(st.just("label"), st.sampled_from(["fraud", "legitimate"]), st.integers(0, 100)),
    st.tuples(st.just("broken"), _broken),
)
_steps = st.tuples(_gaps, st.one_of(_payments, _payments, _payments, _others))


@st.composite
def traffic(draw: st.DrawFn, at_most: int = 30) -> list[bytes]:
    """Records in the order in which they are read; within twelve hours or so of noon."""
    records: list[bytes] = []
    payments: list[bytes] = []
    minute = 0.0
    for gap, step in draw(st.lists(_steps, min_size=1, max_size=at_most)):
        minute += gap
        match step:
            case "payment", user, merchant, amount, delay, present, device:
                sent = paid(
                    f"payment-{len(payments)}",
                    amount,
                    minute - delay,
                    user=user,
                    merchant=merchant,
                    partition=USERS[user],
                    card_present=present,
                    device={"id": device},
                    metadata={"declined": amount < 1},
                )
                payments.append(sent)
                records.append(sent)
            case "again", which:
                records += payments[which % len(payments) :][:1] if payments else []
            case "event", kind, delay:
                records.append(account_event(kind, minute - delay))
            case "label", verdict, which:
                records.append(labelled(f"payment-{which}", verdict, minute))
            case "broken", value:
                records.append(record(Kind.TRANSACTION, value))
    return records


_later = st.one_of(st.floats(0.001, 1.0), st.floats(1.0, 600.0), st.floats(600.0, 6_000.0), st.just(7 * 24 * 60.0))
_label_values = st.sampled_from(["fraud", "fraud", "legitimate"])


@st.composite
def weeks(draw: st.DrawFn, at_most: int = 30) -> list[bytes]:
    """Records in order of event time, no two at once, over weeks: so long that labels come due."""
    records: list[bytes] = []
    payments: list[dict[str, Any]] = []
    minute = 0.0
    steps = st.lists(st.tuples(_later, st.one_of(_payments, _payments, _label_values), st.integers(0, 100)), min_size=1)
    for gap, step, which in draw(steps.filter(lambda drawn: len(drawn) <= at_most)):
        minute += gap
        if isinstance(step, tuple):
            _, user, merchant, amount, _, present, device = step
            payments.append({"user": user, "merchant": merchant, "device": device, "minute": minute})
            optional = {"card_present": present, "device": {"id": device}, "metadata": {"declined": amount < 1}}
            place = USERS[user]
            name = f"payment-{len(payments)}"
            records.append(paid(name, amount, minute, user=user, merchant=merchant, partition=place, **optional))
        elif payments:
            number = which % len(payments)
            of = payments[number]
            records.append(labelled(f"payment-{number + 1}", step, known_after=minute - of["minute"], **of))
    return records


def cuts(count: int) -> st.SearchStrategy[list[int]]:
    """Where to end batches of so many records."""
    return st.sets(st.integers(1, max(1, count - 1))).map(sorted)


def cut(records: list[bytes], ends: list[int]) -> list[list[bytes]]:
    """The records in batches that end at the given places."""
    places = [0, *ends, len(records)]
    return [records[start:end] for start, end in pairwise(places)]
