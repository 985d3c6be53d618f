"""The hits of a batch, evaluated at once with fields read only where needed, equal those of the oracle."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import pattern_set
from tests.oracles.conditions import holds
from tests.payments import payment
from udfs.features.catalogue import FEATURE_NAMES, USER_WIDTH
from udfs.patterns import Entity
from udfs.patterns.compiled import MASK
from udfs.records.transaction import Location, Transaction
from udfs.vocabulary.payment_fields import KIND, PAYMENT_FIELDS

AMOUNT = FEATURE_NAMES.index("amount")

_asked = st.sampled_from(
    [
        *("", "amount > 5", "not amount > 5", "is_absent(amount)", "channel == 'web'", "is_absent(channel)"),
        *("amount > 5 and channel == 'web'", "1 > 2"),
        *("amount > 5 or country == 'AT'", "amount > 5 and (country == 'AT' or not channel == 'web')"),
        *(
            "kind == 'transaction' and amount < 5",
            "not kind == 'transaction' or amount > 50",
            "declined == 0 and 5 < amount",
        ),
    ]
)
_steps = st.fixed_dictionaries({"where": _asked, "contiguity": st.sampled_from(["relaxed", "relaxed", "strict"])})
_payments = st.builds(
    lambda amount, channel, country: payment("a", amount, channel=channel, location=Location(country=country)),
    st.sampled_from([1.0, 5.0, 20.0, 100.0]),
    st.sampled_from([None, "web", "pos"]),
    st.sampled_from([None, "AT", "DE"]),
)


@given(st.lists(_steps, min_size=1, max_size=4), st.lists(_payments, max_size=6), st.booleans())
def test_the_hits_of_a_batch_are_those_of_its_payments(
    listed: list[dict[str, str]], payments: list[Transaction], known: bool
) -> None:
    listed[0].pop("contiguity")
    steps = [
        {"name": f"s{number}"} | {key: value for key, value in step.items() if value}
        for number, step in enumerate(listed)
    ]
    of_users = pattern_set(*steps).of(Entity.USER)
    (pattern,) = of_users.patterns
    features = np.full((len(payments), USER_WIDTH), math.nan)
    features[:, AMOUNT] = [one.amount if known else math.nan for one in payments]
    hits = [(hit.row, hit.event[MASK]) for hit in of_users.payment_hits(features, payments)]
    expected = []
    for row, one in enumerate(payments):
        values = {name: field.read(one) for name, field in {**PAYMENT_FIELDS, KIND.name: KIND}.items()} | {
            "amount": features[row, AMOUNT]
        }
        mask = sum(step.bit for step in pattern.filters if step.condition is None or holds(step.condition, values))
        if mask or pattern.strict:
            expected.append((row, mask))
    assert hits == expected
