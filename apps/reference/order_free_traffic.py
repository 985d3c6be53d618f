"""Traffic with the same features in whichever order a running job processes it: it is sent in rounds.

In a job, batches reach a device's and a merchant's shard in any order, and payments without a device overtake those
with one. So within a round each device and each merchant belongs to one user, and all payments of a user take the same
path; they are in one partition, in order of event time. The pairs change from round to round, so after some rounds
every merchant has had many users and both paths. Between two rounds the sender waits until the job has decided all
payments.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from state.kernel.times import HOUR_MS
from udfs.names import Kind

STEP_MS = 37 * HOUR_MS
"""From one round to the next: a window of an hour holds one round, one of a month all, and the hour of day changes."""
LATENESS_MS = 3 * HOUR_MS


class TrafficRecord(NamedTuple):
    """A record to send, with the kind that says which topic it belongs to."""

    kind: Kind
    key: bytes
    value: bytes


@dataclass
class OrderFreeTraffic:
    """Generates rounds of payments, one after the other.

    Attributes:
        time: event time of the last ordinary round, epoch milliseconds; before the first one, where to begin.
        users: number of users, of merchants and of devices.
        payments_per_round: number of payments in a round.
        seed: the same seed and calls give the same records.
        payments: payments of all rounds so far.
    """

    time: int
    users: int = 24
    payments_per_round: int = 96
    seed: int = 4
    payments: list[Mapping[str, Any]] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _number: int = 0
    _labeled: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def ordinary_round(self, hot_share: float = 0.0) -> list[TrafficRecord]:
        """Generate payments within one hour, ``STEP_MS`` after the last ordinary round; some are card tests.

        Args:
            hot_share: share of the payments that one user makes.
        """
        self.time += STEP_MS
        return self._round(self.time, hot_share)

    def late_round(self) -> list[TrafficRecord]:
        """Generate payments within an hour that was over when the last ordinary round began."""
        return self._round(self.time - LATENESS_MS)

    def labels_and_account_events(self) -> list[TrafficRecord]:
        """Generate labels of every second payment since the last call, and account events of every second user.

        Their time is shortly before the next ordinary round.
        """
        now = self.time + STEP_MS - 2 * HOUR_MS
        labeled = self.payments[self._labeled :: 2]
        self._labeled = len(self.payments)
        events = [
            {"user_id": _user(user), "kind": "password_reset", "timestamp": now + user}
            for user in range(0, self.users, 2)
        ]
        return [
            *(_record(Kind.LABEL, self._label(payment, now)) for payment in labeled),
            *(_record(Kind.ACCOUNT_EVENT, event) for event in events),
        ]

    def _round(self, begin: int, hot_share: float = 0.0) -> list[TrafficRecord]:
        times = sorted(self._random.sample(range(begin, begin + HOUR_MS), self.payments_per_round))
        of_hot_user = round(hot_share * self.payments_per_round)
        users = [
            *([0] * of_hot_user),
            *(number % self.users for number in range(self.payments_per_round - of_hot_user)),
        ]
        self._random.shuffle(users)
        payments = [self._payment(user, time) for user, time in zip(users, times, strict=True)]
        self._number += 1
        self.payments += payments
        return [_record(Kind.TRANSACTION, payment) for payment in payments]

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


def _record(kind: Kind, value: Mapping[str, Any]) -> TrafficRecord:
    return TrafficRecord(kind, value["user_id"].encode(), json.dumps(value).encode())


def count_transactions(records: Sequence[TrafficRecord]) -> int:
    """Number of transactions among records: the job decides each of them."""
    return sum(record.kind == Kind.TRANSACTION for record in records)
