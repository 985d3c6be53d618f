"""Forty days of payments in which nearly everything happens, by chance.

There are habits and breaks with them, bursts, nights, tiny, round and huge amounts, strange places and countries,
shared devices, a shop that is a trap, goods nobody has heard of, fields left out, payments declined, late or twice, and
the truth about some of them, early enough to come due.

For contracts over every feature and every rule: one that this month never touches does nothing, or needs a new kind of
payment here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.pipeline.sent import at, decisions, happened, labelled, paid
from udfs.decision import Decision
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline

DAYS = 40
DAY = 24 * 60.0  # minutes
BATCH = 97
USERS = ("alice", "bob", "carol", "dave")
MERCHANTS = ("baker", "grocer", "station", "games", "airline", "trap")
TRAP = MERCHANTS[-1]
AMOUNTS = (0.0, 0.5, 4.99, 9.99, 10.0, 100.0, 250.0, 500.0, 999.99, 1_000.0, 3_000.0, 10_000.0, 12_000.0)
PLACES: tuple[tuple[float, float, str], ...] = (
    (48.1, 11.6, "DE"),
    (40.7, -74.0, "US"),
    (-33.9, 151.2, "AU"),
    (35.7, 51.4, "IR"),
)


@dataclass(frozen=True)
class Month:
    """What a pipeline made of the month.

    Attributes:
        features: (n, F) of the payments, in order of their decisions.
        decisions: n of them.
    """

    features: npt.NDArray[np.float64]
    decisions: list[Decision]

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """A feature, by name."""
        column: npt.NDArray[np.float64] = self.features[:, FEATURE_NAMES.index(name)]
        return column


@cache
def decided() -> Month:
    """The month, decided by the ready rules."""
    records = [record for _, record in sorted(_records(), key=lambda timed: timed[0])]
    pipeline = Pipeline()
    features, told = [], []
    for start in range(0, len(records), BATCH):
        _, output = pipeline.process(records[start : start + BATCH], now_ms=at(DAYS * DAY))
        features.append(output.features)
        told += decisions(output)
    return Month(np.concatenate(features), told)


def _records() -> Iterator[tuple[float, bytes]]:
    """Minutes of arrival and records."""
    chance = random.Random("a month")
    for user in USERS:
        for day in range(DAYS):
            yield from _habits(chance, user, day * DAY)
            if chance.random() < 0.3:
                yield from _break(chance, user, day * DAY + chance.uniform(0, DAY))


def _habits(chance: random.Random, user: str, noon: float) -> Iterator[tuple[float, bytes]]:
    """Bread around noon and something in the afternoon, from home."""
    for n in range(chance.choice([1, 2, 3])):
        minute = noon + chance.uniform(0, 300)
        amount = round(chance.lognormvariate(3, 0.3), 2)
        name = f"{noon}-{n}"
        merchant, device = chance.choice(MERCHANTS[:3]), _device(chance, user, name)
        yield _payment(chance, user, name, amount, minute, merchant, device, PLACES[0])


def _break(chance: random.Random, user: str, minute: float) -> Iterator[tuple[float, bytes]]:
    """A burst of payments at any hour, some of them late or twice, after something happened to the account."""
    if chance.random() < 0.5:
        yield minute, happened(chance.choice(["login", "password_reset", "new_device"]), minute, user=user)
    for n in range(chance.choice([1, 1, 2, 9])):
        minute += chance.choice([0.0, 0.05, 0.5, 3.0])
        name = f"{minute}-{n}"
        merchant, device = chance.choice(MERCHANTS), _device(chance, user, name)
        sent = _payment(chance, user, name, chance.choice(AMOUNTS), minute, merchant, device, chance.choice(PLACES))
        yield sent
        if chance.random() < 0.1:
            yield minute + 0.1, sent[1]
        if merchant == TRAP or chance.random() < 0.3:
            verdict = "fraud" if merchant == TRAP else chance.choice(["fraud", "legitimate"])
            known = chance.uniform(1, 5) * DAY
            of: dict[str, Any] = {"user": user, "merchant": merchant, "device": chance.choice([None, device, device])}
            yield minute + known, labelled(f"{user}-{name}", verdict, minute, known_after=known, **of)


def _device(chance: random.Random, user: str, name: str) -> str:
    """Mostly the user's own, at times one that is shared, or one that nobody has seen."""
    return chance.choice([f"{user}'s phone", f"{user}'s phone", "the library's", name])


def _payment(
    chance: random.Random,
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
        "card_present": chance.choice([True, False]),
        "channel": chance.choice(["pos", "atm", "web", "mobile", "phone"]),
        "payment_method": chance.choice(["card", "wallet", "transfer"]),
        "merchant_category": chance.choice(["grocery", "gambling", "5411"]),
        "location": {"latitude": latitude, "longitude": longitude, "country": country},
        "device": {"id": device},
        "account": {
            "created_at": at(chance.choice([-1_000.0, -1.0, DAYS]) * DAY),
            "credit_limit": chance.choice([0.0, 500.0, 5_000.0]),
        },
        "metadata": {"declined": chance.random() < 0.1},
    }
    given = {field: value for field, value in optional.items() if chance.random() < 0.9}
    lateness = chance.choice([0.0, 0.0, 0.0, 0.0, 0.3, 45.0])
    return minute + lateness, paid(f"{user}-{name}", amount, minute, user=user, merchant=merchant, **given)
