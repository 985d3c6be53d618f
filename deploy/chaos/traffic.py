"""The records of an experiment: a round of order-free traffic, shaped by the faults, and invalid records."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

from apps.reference.order_free_traffic import OrderFreeTraffic, TrafficRecord
from deploy.chaos.fault import TrafficShape
from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS

MAX_AHEAD_MS = 20 * HOUR_MS
MAX_BEHIND_MS = 5 * DAY_MS
_OVERSIZED_ONE_IN = 100


def combine(shapes: Iterable[TrafficShape]) -> TrafficShape:
    """Combine shapes: of each attribute the largest value."""
    found = list(shapes)
    return TrafficShape(
        rate_factor=max((each.rate_factor for each in found), default=1.0),
        hot_key_share=max((each.hot_key_share for each in found), default=0.0),
        poison_per_payment=max((each.poison_per_payment for each in found), default=0.0),
        hostile_per_payment=max((each.hostile_per_payment for each in found), default=0.0),
        skewed_share=max((each.skewed_share for each in found), default=0.0),
    )


def next_round(traffic: OrderFreeTraffic, shape: TrafficShape, rng: random.Random, now_ms: int) -> list[TrafficRecord]:
    """Make the payments of the next round, in the order in which they are to be sent.

    Args:
        traffic: makes them.
        shape: of the round.
        rng: which payments have a skewed time, and by how much.
        now_ms: wall clock, epoch milliseconds.
    """
    records = traffic.ordinary_round(shape.hot_key_share)
    return [_skew(each, rng, now_ms) if rng.random() < shape.skewed_share else each for each in records]


def _skew(record: TrafficRecord, rng: random.Random, now_ms: int) -> TrafficRecord:
    payment = json.loads(record.value)
    if rng.random() < 0.5:
        payment["timestamp"] = now_ms + rng.randrange(MINUTE_MS, MAX_AHEAD_MS)
    else:
        payment["timestamp"] -= rng.randrange(MINUTE_MS, MAX_BEHIND_MS)
    return record._replace(value=json.dumps(payment).encode())


def poison_value(rng: random.Random, max_record_bytes: int) -> bytes:
    """Make the value of a record that the job refuses, whatever its key.

    Args:
        rng: chooses the reason.
        max_record_bytes: largest record that the job accepts.
    """
    if rng.randrange(_OVERSIZED_ONE_IN) == 0:
        return b"{" + bytes(max_record_bytes)
    payment = {
        "transaction_id": "poison",
        "user_id": "somebody-else",
        "amount": 1,
        "currency": "EUR",
        "merchant_id": "merchant-1",
        "timestamp": 1_767_225_600_000,
    }
    wrong_key = json.dumps(payment).encode()
    negative = json.dumps(payment | {"amount": -1}).encode()
    no_time = json.dumps(payment | {"timestamp": "yesterday"}).encode()
    return rng.choice([b"", b"[]", b"{", b"\xff\xfe", b'{"amount":' * 500, negative, wrong_key, no_time])
