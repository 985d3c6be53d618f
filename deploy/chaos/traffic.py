"""The payments of a run: waves (``apps.reference.order_free_traffic``), and what the faults make of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

from apps.reference.order_free_traffic import OrderFreeTraffic, TrafficRecord
from deploy.chaos.fault import Traffic
from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS

MOST_AHEAD_MS = 20 * HOUR_MS
MOST_BEHIND_MS = 5 * DAY_MS
_OVERSIZED_IN = 100
"""One poisonous record in so many is too large."""


def together(traffics: Iterable[Traffic]) -> Traffic:
    """All peculiarities at once; of two of a kind the greater."""
    found = list(traffics)
    return Traffic(
        burst=max((each.burst for each in found), default=1.0),
        hot=max((each.hot for each in found), default=0.0),
        poison=max((each.poison for each in found), default=0.0),
        skewed=max((each.skewed for each in found), default=0.0),
    )


def wave(waves: OrderFreeTraffic, traffic: Traffic, rng: random.Random, now_ms: int) -> list[TrafficRecord]:
    """The next wave, with what is peculiar about it."""
    records = waves.ordinary_round(traffic.hot)
    return [_skewed(each, rng, now_ms) if rng.random() < traffic.skewed else each for each in records]


def _skewed(record: TrafficRecord, rng: random.Random, now_ms: int) -> TrafficRecord:
    payment = json.loads(record.value)
    if rng.random() < 0.5:
        payment["timestamp"] = now_ms + rng.randrange(MINUTE_MS, MOST_AHEAD_MS)
    else:
        payment["timestamp"] -= rng.randrange(MINUTE_MS, MOST_BEHIND_MS)
    return record._replace(value=json.dumps(payment).encode())


def poison(rng: random.Random, max_record_bytes: int) -> bytes:
    """The value of a record that is refused, one way or another, whatever its key.

    Args:
        rng: which way.
        max_record_bytes: the largest that the job reads.
    """
    if rng.randrange(_OVERSIZED_IN) == 0:
        return b"{" + bytes(max_record_bytes)
    payment = {
        "transaction_id": "poison",
        "user_id": "somebody-else",
        "amount": 1,
        "currency": "EUR",
        "merchant_id": "merchant-1",
        "timestamp": 1_767_225_600_000,
    }
    of_somebody_else = json.dumps(payment).encode()
    negative = json.dumps(payment | {"amount": -1}).encode()
    timeless = json.dumps(payment | {"timestamp": "yesterday"}).encode()
    return rng.choice([b"", b"[]", b"{", b"\xff\xfe", b'{"amount":' * 500, negative, of_somebody_else, timeless])
