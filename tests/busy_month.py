"""Forty days of random payments that touch every feature and every default rule.

There are usual days and unusual activity, bursts, nights, tiny, round and huge amounts, strange places and countries,
shared devices, a fraudulent merchant, unknown categories, absent fields, payments declined, late or sent twice, and
labels of some of them, early enough to come due.

Contract tests over every feature and every rule use this month: a feature or rule that it never touches is without
effect, or needs a new kind of payment here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.pipeline.sent import account_event, at, decisions, labelled, paid
from udfs.decision import Decision
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline

DAYS = 40
DAY = 24 * 60.0  # minutes
BATCH = 97
USERS = ("alice", "bob", "carol", "dave")
NEW_USERS = ("erin", "frank")
"""Users with one payment, of a high amount."""
MERCHANTS = ("baker", "grocer", "station", "games", "airline", "trap")
FRAUDULENT_MERCHANT = MERCHANTS[-1]
AMOUNTS = (0.0, 0.5, 4.99, 9.99, 10.0, 100.0, 250.0, 500.0, 999.99, 1_000.0, 3_000.0, 10_000.0, 12_000.0)
PLACES: tuple[tuple[float, float, str], ...] = (
    (48.1, 11.6, "DE"),
    (40.7, -74.0, "US"),
    (-33.9, 151.2, "AU"),
    (35.7, 51.4, "IR"),
)


@dataclass(frozen=True)
class Month:
    """The month as a pipeline decided it.

    Attributes:
        features: (n, len(FEATURE_NAMES)), in order of the decisions.
        decisions: n decisions.
    """

    features: npt.NDArray[np.float64]
    decisions: list[Decision]

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """Column of a feature, (n,)."""
        column: npt.NDArray[np.float64] = self.features[:, FEATURE_NAMES.index(name)]
        return column


@cache
def decided() -> Month:
    """Decide the month by the default rules."""
    records = [record for _, record in sorted(_records(), key=lambda timed: timed[0])]
    pipeline = Pipeline()
    features, all_decisions = [], []
    for start in range(0, len(records), BATCH):
        _, output = pipeline.process(records[start : start + BATCH], now_ms=at(DAYS * DAY))
        features.append(output.features)
        all_decisions += decisions(output)
    return Month(np.concatenate(features), all_decisions)


def _records() -> Iterator[tuple[float, bytes]]:
    """Yield minutes of arrival and records."""
    rng = random.Random("a month")
    for user in USERS:
        for day in range(DAYS):
            yield from _usual_day(rng, user, day * DAY)
            if rng.random() < 0.3:
                yield from _unusual_activity(rng, user, day * DAY + rng.uniform(0, DAY))
    for user in NEW_USERS:
        yield _payment(rng, user, "first", 3_000.0, rng.uniform(0, DAYS) * DAY, MERCHANTS[3], f"{user}'s", PLACES[0])


def _usual_day(rng: random.Random, user: str, noon: float) -> Iterator[tuple[float, bytes]]:
    """One to three small payments around noon, from home."""
    for n in range(rng.choice([1, 2, 3])):
        minute = noon + rng.uniform(0, 300)
        amount = round(rng.lognormvariate(3, 0.3), 2)
        name = f"{noon}-{n}"
        merchant, device = rng.choice(MERCHANTS[:3]), _device(rng, user, name)
        yield _payment(rng, user, name, amount, minute, merchant, device, PLACES[0])


def _unusual_activity(rng: random.Random, user: str, minute: float) -> Iterator[tuple[float, bytes]]:
    """A burst of payments at any hour, some of them late or twice, at times after an account event."""
    if rng.random() < 0.5:
        yield minute, account_event(rng.choice(["login", "password_reset", "new_device"]), minute, user=user)
    for n in range(rng.choice([1, 1, 2, 9])):
        minute += rng.choice([0.0, 0.05, 0.5, 3.0])
        name = f"{minute}-{n}"
        merchant, device = rng.choice(MERCHANTS), _device(rng, user, name)
        arrival, record = _payment(rng, user, name, rng.choice(AMOUNTS), minute, merchant, device, rng.choice(PLACES))
        yield arrival, record
        if rng.random() < 0.1:
            yield minute + 0.1, record
        if merchant == FRAUDULENT_MERCHANT or rng.random() < 0.3:
            verdict = "fraud" if merchant == FRAUDULENT_MERCHANT else rng.choice(["fraud", "legitimate"])
            known = rng.uniform(1, 5) * DAY
            of: dict[str, Any] = {"user": user, "merchant": merchant, "device": rng.choice([None, device, device])}
            yield minute + known, labelled(f"{user}-{name}", verdict, minute, known_after=known, **of)


def _device(rng: random.Random, user: str, name: str) -> str:
    """Id of a device: mostly the user's, at times a shared one or a new one."""
    return rng.choice([f"{user}'s phone", f"{user}'s phone", "the library's", name])


def _payment(
    rng: random.Random,
    user: str,
    name: str,
    amount: float,
    minute: float,
    merchant: str,
    device: str,
    place: tuple[float, float, str],
) -> tuple[float, bytes]:
    latitude, longitude, country = place
    optional: dict[str, Any] = {
        "card_present": rng.choice([True, False]),
        "channel": rng.choice(["pos", "atm", "web", "mobile", "phone"]),
        "payment_method": rng.choice(["card", "wallet", "transfer"]),
        "merchant_category": rng.choice(["grocery", "gambling", "5411"]),
        "location": {"latitude": latitude, "longitude": longitude, "country": country},
        "device": {"id": device},
        "account": {
            "created_at": at(rng.choice([-1_000.0, -1.0, DAYS]) * DAY),
            "credit_limit": rng.choice([0.0, 500.0, 5_000.0]),
        },
        "metadata": {"declined": rng.random() < 0.1},
    }
    present = {field: value for field, value in optional.items() if rng.random() < 0.9}
    lateness = rng.choice([0.0, 0.0, 0.0, 0.0, 0.3, 45.0])
    return minute + lateness, paid(f"{user}-{name}", amount, minute, user=user, merchant=merchant, **present)
