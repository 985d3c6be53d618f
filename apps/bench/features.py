"""What features and profiles cost: ``python -m apps.bench.features``.

For users and merchants with few and with many events in their longest window, warm: microseconds an event for the
whole block in batches of ``BATCH``, the same with every event a little late, microseconds to pack and to unpack a
profile one event after the last packing, and its bytes. The best of many rounds, since other work on the machine only
ever adds; the yardstick says how fast the machine was meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from state.merchant_profile import MerchantProfile
from state.user_profile import UserProfile
from udfs.features import merchant, user
from udfs.features.feature import DAY_MS
from udfs.features.merchant import MerchantPayment
from udfs.records.transaction import Device, Transaction

BATCH = 100
ROUNDS = 60
START_MS = 1_700_000_000_000
USER_SIZES = (10, 75, 100, 1_000, 10_000)
MERCHANT_SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SETTLED = 20_000  # events after which a profile that forgets has stopped changing its shape
DISORDER = 7  # of every eight events, the order is turned round

Profile = Any  # a UserProfile or a MerchantProfile
Observe = Callable[[Sequence[tuple[Any, Any]]], object]


def yardstick() -> float:
    """Nanoseconds of a pass of a plain loop, the best of some."""

    def loop() -> None:
        total = 0
        for i in range(10_000):
            total += i

    return min(_seconds(loop) for _ in range(20)) * 1e5


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def payments(chance: random.Random, step_ms: int) -> Iterator[Transaction]:
    """A user's payments, evenly spread but for a jitter, at some merchants often and at many seldom."""
    moment = START_MS
    while True:
        moment += step_ms
        yield Transaction(
            transaction_id=f"{chance.getrandbits(64):016x}",
            user_id="user",
            amount=round(chance.lognormvariate(3, 1), 2),
            currency="EUR",
            merchant_id=f"merchant-{int(chance.expovariate(0.08))}",
            event_time=moment + chance.randrange(max(step_ms // 2, 1)),
            device=Device(id="device-1"),
            card_present=False,
        )


def merchant_payments(chance: random.Random, step_ms: int) -> Iterator[MerchantPayment]:
    """A merchant's payments, by ten thousand users, one in twenty declined."""
    moment = START_MS
    while True:
        moment += step_ms
        yield MerchantPayment(
            moment + chance.randrange(max(step_ms // 2, 1)),
            round(chance.lognormvariate(3, 1), 2),
            f"user-{chance.randrange(10_000)}",
            chance.random() < 0.05,
        )


def measure(kind: type[Profile], source: Iterator[Any], observe: Observe, size: int) -> str:
    """One line of the table."""
    profiles = [kind() for _ in range(20 if size <= 1_000 else 2)]
    for _ in range(min(size * 5 // 4, SETTLED)):
        observe(_round(profiles, [next(source)]))
    in_order = _best(observe, lambda: _batch(profiles, source))
    packing = min(_pack(profiles, source, observe) for _ in range(ROUNDS))
    packed = [profile.pack() for profile in profiles]
    unpacking = min(_seconds(partial(kind.unpack, data)) for data in packed for _ in range(ROUNDS // 10))
    disordered = _best(observe, lambda: _batch(profiles, source, DISORDER))
    largest = max(map(len, packed))
    return (
        f"{size:>9,} {in_order * 1e6:>9.1f} {disordered * 1e6:>11.1f} {packing * 1e6:>7.1f} {unpacking * 1e6:>8.1f} "
        f"{largest:>8,}"
    )


def _batch(profiles: Sequence[Profile], source: Iterator[Any], disorder: int = 0) -> list[tuple[Profile, Any]]:
    """New events for every profile, the same for all: ``BATCH`` or more, none less than eight a profile."""
    events = [next(source) for _ in range(max(BATCH // len(profiles), DISORDER + 1))]
    return _round(profiles, [events[min(i ^ disorder, len(events) - 1)] for i in range(len(events))])


def _round(profiles: Sequence[Profile], events: Sequence[Any]) -> list[tuple[Profile, Any]]:
    return [(profile, event) for event in events for profile in profiles]


def _best(observe: Observe, batch: Callable[[], list[tuple[Profile, Any]]]) -> float:
    """Seconds an event."""
    best = float("inf")
    for _ in range(ROUNDS):
        pairs = batch()
        best = min(best, _seconds(lambda pairs=pairs: observe(pairs)) / len(pairs))  # type: ignore[misc]
    return best


def _pack(profiles: Sequence[Profile], source: Iterator[Any], observe: Observe) -> float:
    """Seconds a profile, one event after the last time."""
    observe(_round(profiles, [next(source)]))
    return _seconds(lambda: [profile.pack() for profile in profiles]) / len(profiles)


def main() -> None:
    """Print the table."""
    chance = random.Random(1)
    print(f"yardstick {yardstick():.0f} ns")  # noqa: T201
    heading = "   events  us/event  disordered pack us unpack us    bytes"
    print(f"user, {heading.strip()}\n{heading}")  # noqa: T201
    for size in USER_SIZES:
        line = measure(UserProfile, payments(chance, 30 * DAY_MS // size), user.observe_transactions, size)
        print(line)  # noqa: T201
    print(f"merchant\n{heading}")  # noqa: T201
    for size in MERCHANT_SIZES:
        source = merchant_payments(chance, 7 * DAY_MS // size)
        print(measure(MerchantProfile, source, merchant.observe_transactions, size))  # noqa: T201
    print(f"yardstick {yardstick():.0f} ns")  # noqa: T201


if __name__ == "__main__":
    main()
