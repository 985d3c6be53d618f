"""What features and profiles cost: ``sentinel bench features``.

For users, devices and merchants with few and with many events in their longest window, warm: microseconds an event
for the whole block in batches of ``BATCH``, the same with every event a little late, microseconds to pack and to unpack
a profile one event after the last packing, and its bytes. The best of many rounds, since other work on the machine only
ever adds; the yardstick says how fast the machine was meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from rich.table import Table

from state.kernel.times import DAY_MS
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from udfs.features.shared_block import DEVICE_BLOCK, MERCHANT_BLOCK, SharedPayment
from udfs.features.user_block import update_and_compute
from udfs.records.transaction import Account, Device, Location, Transaction

BATCH = 100
ROUNDS = 60
START_MS = 1_700_000_000_000
SIZES = (10, 75, 100, 1_000, 10_000)
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
            merchant_category="grocery",
            location=Location(48.1 + chance.random(), 11.5, "DE"),
            device=Device(id="device-1"),
            account=Account(created_at=START_MS, credit_limit=2_000.0),
            channel="pos",
            card_present=False,
        )


def shared_payments(chance: random.Random, step_ms: int, users: int) -> Iterator[SharedPayment]:
    """Payments at a merchant, or with a device, by some users, one in twenty declined."""
    moment = START_MS
    while True:
        moment += step_ms
        yield SharedPayment(
            moment + chance.randrange(max(step_ms // 2, 1)),
            round(chance.lognormvariate(3, 1), 2),
            f"user-{chance.randrange(users)}",
            chance.random() < 0.05,
        )


class Cost(NamedTuple):
    """What one kind of profile costs at one size; microseconds an event, or a profile; bytes."""

    in_order: float
    disordered: float
    packing: float
    unpacking: float
    packed: int


def measure(kind: type[Profile], source: Iterator[Any], observe: Observe, size: int) -> Cost:
    """Cost with ``size`` events in the longest window."""
    profiles = [kind() for _ in range(20 if size <= 1_000 else 2)]
    for _ in range(min(size * 5 // 4, SETTLED)):
        observe(_round(profiles, [next(source)]))
    in_order = _best(observe, lambda: _batch(profiles, source))
    packing = min(_pack(profiles, source, observe) for _ in range(ROUNDS))
    packed = [profile.pack() for profile in profiles]
    unpacking = min(_seconds(partial(kind.unpack, data)) for data in packed for _ in range(ROUNDS // 10))
    disordered = _best(observe, lambda: _batch(profiles, source, DISORDER))
    return Cost(in_order * 1e6, disordered * 1e6, packing * 1e6, unpacking * 1e6, max(map(len, packed)))


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
    return _seconds(lambda: type(profiles[0]).pack_all(profiles)) / len(profiles)


def costs(size: int, chance: random.Random) -> dict[str, Cost]:
    """Cost of each kind of profile at one size."""
    shared = 37 * DAY_MS // size
    return {
        "user": measure(UserProfile, payments(chance, 30 * DAY_MS // size), update_and_compute, size),
        "device": measure(
            DeviceProfile, shared_payments(chance, shared, users=5), DEVICE_BLOCK.update_and_compute, size
        ),
        "merchant": measure(
            MerchantProfile, shared_payments(chance, shared, users=10_000), MERCHANT_BLOCK.update_and_compute, size
        ),
    }


def table(sizes: Sequence[int] = SIZES) -> Table:
    """A row for each size and kind, and one for the whole vector."""
    chance = random.Random(1)
    shown = Table("events", "profile", "us/event", "a little late", "pack us", "unpack us", "bytes", title="features")
    before = yardstick()
    for size in sizes:
        found = costs(size, chance)
        for kind, cost in found.items():
            shown.add_row(f"{size:,}", kind, *(f"{value:.1f}" for value in cost[:-1]), f"{cost.packed:,}")
        whole = [sum(cost[column] for cost in found.values()) for column in range(len(Cost._fields) - 1)]
        shown.add_row(f"{size:,}", "all", *(f"{value:.1f}" for value in whole), "", style="bold", end_section=True)
    shown.caption = f"yardstick {before:.0f} ns before, {yardstick():.0f} ns after"
    return shown
