"""Traffic whose features are the same in whichever order a running job takes it in: it comes in waves.

In a job a device and a merchant meet payments in the order in which batches happen to reach them, and payments without
a device overtake those with one. So within a wave each device and each merchant is paid with, or paid, by one user
alone, and all payments of a user go the same way; they lie in one partition, in order of event time. From wave to wave
the pairs change, so in the end every merchant has met every way and many users. Between two waves the sender waits
until the job is through.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from udfs.names import Kind

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
STEP_MS = 37 * HOUR_MS
"""From one wave to the next: windows of an hour see one wave, those of a month all, and hours of the day change."""
LATE_MS = 3 * HOUR_MS


class Sent(NamedTuple):
    """A record to be sent."""

    kind: Kind
    key: bytes
    value: bytes


@dataclass
class OrderFreeTraffic:
    """Makes one wave after the other.

    Attributes:
        time: event time of the next wave, epoch milliseconds.
        users: how many, and so how many merchants and devices.
        per_wave: payments in a wave.
        seed: the same one, and the same calls, give the same records.
        payments: of all waves so far.
    """

    time: int
    users: int = 24
    per_wave: int = 96
    seed: int = 4
    payments: list[Mapping[str, Any]] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _number: int = 0
    _labelled: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def ordinary(self, hot: float = 0.0) -> list[Sent]:
        """Payments within an hour, some of which are tests of stolen cards; event time goes on.

        Args:
            hot: share of them that are of one user.
        """
        self.time += STEP_MS
        return self._wave(self.time, hot)

    def late(self) -> list[Sent]:
        """Payments within an hour that was over when the last wave began."""
        return self._wave(self.time - LATE_MS)

    def aside(self) -> list[Sent]:
        """The truth about every other payment of which none was told, and account events of every other user.

        Both happen shortly before the next ordinary wave.
        """
        now = self.time + STEP_MS - 2 * HOUR_MS
        told = self.payments[self._labelled :: 2]
        self._labelled = len(self.payments)
        events = [
            {"user_id": _user(user), "kind": "password_reset", "timestamp": now + user}
            for user in range(0, self.users, 2)
        ]
        return [
            *(_sent(Kind.LABEL, self._label(payment, now)) for payment in told),
            *(_sent(Kind.ACCOUNT_EVENT, event) for event in events),
        ]

    def _wave(self, begin: int, hot: float = 0.0) -> list[Sent]:
        times = sorted(self._random.sample(range(begin, begin + HOUR_MS), self.per_wave))
        of_one = round(hot * self.per_wave)
        users = [*([0] * of_one), *(number % self.users for number in range(self.per_wave - of_one))]
        self._random.shuffle(users)
        made = [self._payment(user, time) for user, time in zip(users, times, strict=True)]
        self._number += 1
        self.payments += made
        return [_sent(Kind.TRANSACTION, payment) for payment in made]

    def _payment(self, user: int, time: int) -> dict[str, Any]:
        number = self._number
        payment: dict[str, Any] = {
            "transaction_id": f"p-{number}-{user}-{time}",
            "user_id": _user(user),
            "amount": self._random.choice([1.0, 2.5, 4.0, round(self._random.uniform(20, 900), 2), 1_000.0]),
            "currency": "EUR",
            "merchant_id": f"merchant-{(user + number) % self.users}",
            "merchant_category": self._random.choice(["grocery", "electronics"]),
            "timestamp": time,
            "location": {
                "latitude": self._random.uniform(40, 55),
                "longitude": self._random.uniform(0, 20),
                "country": self._random.choice(["DE", "DE", "DE", "FR", "VE"]),
            },
            "card_present": self._random.random() < 0.1,
            "channel": self._random.choice(["web", "mobile"]),
            "account": {"created_at": time - 400 * 24 * HOUR_MS, "credit_limit": 5_000.0},
            "metadata": {"declined": self._random.random() < 0.2},
        }
        if (user + number) % 3:
            payment["device"] = {"id": f"device-{(user + 5 * number) % self.users}"}
        return payment

    def _label(self, payment: Mapping[str, Any], now: int) -> dict[str, Any]:
        label = {name: payment[name] for name in ("transaction_id", "user_id", "merchant_id")}
        label |= {"event_time": payment["timestamp"], "timestamp": now}
        label |= {"label": "fraud" if self._random.random() < 0.5 else "legitimate"}
        return label | ({"device_id": payment["device"]["id"]} if "device" in payment else {})


def _user(number: int) -> str:
    return f"user-{number}"


def _sent(kind: Kind, value: Mapping[str, Any]) -> Sent:
    return Sent(kind, value["user_id"].encode(), json.dumps(value).encode())


def payments_of(wave: Sequence[Sent]) -> int:
    """How many records of a wave are to be decided."""
    return sum(record.kind == Kind.TRANSACTION for record in wave)
