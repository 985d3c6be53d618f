"""Cost of features and profiles: ``sentinel bench features``.

For users, devices and merchants with few and with many events in their longest window, warm: time per event for all
features of its block in batches of ``BATCH``, the same with every event a little late, time to pack and to unpack a
profile one event after the last packing, and its packed size. Each figure is the minimum of many rounds, since other
work on the machine only adds time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from rich.table import Table

from apps.bench.machine_speed import fixed_work_ms
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
STEADY_EVENTS = 20_000  # from here on a profile evicts as much as it takes in, and its size is constant
REVERSED = 7  # xor with the position reverses the order of every eight events

Profile = Any  # a UserProfile or a SharedProfile
Compute = Callable[[Sequence[tuple[Any, Any]]], object]


class Cost(NamedTuple):
    """Cost of one kind of profile at one size.

    Attributes:
        in_order: us per event.
        out_of_order: us per event, with events a little late.
        pack: us per profile.
        unpack: us per profile.
        packed_bytes: size of a packed profile.
    """

    in_order: float
    out_of_order: float
    pack: float
    unpack: float
    packed_bytes: int


class FeatureCosts(NamedTuple):
    """Costs by size, and by kind of profile; and the time of fixed work on this machine before and after, ms."""

    costs: dict[int, dict[str, Cost]]
    speed_before: float
    speed_after: float


def run(sizes: Sequence[int] = SIZES) -> FeatureCosts:
    """Measure the cost of every kind of profile at every size."""
    rng, speed_before = random.Random(1), fixed_work_ms()
    measured = {size: costs(size, rng) for size in sizes}
    return FeatureCosts(measured, speed_before, fixed_work_ms())


def table(measured: FeatureCosts) -> Table:
    """Make a row for each size and kind of profile, and one for all features of a payment."""
    report = Table("events", "profile", "us/event", "a little late", "pack us", "unpack us", "bytes", title="features")
    for size, by_kind in measured.costs.items():
        for kind, cost in by_kind.items():
            report.add_row(f"{size:,}", kind, *(f"{value:.1f}" for value in cost[:-1]), f"{cost.packed_bytes:,}")
        totals = [sum(cost[column] for cost in by_kind.values()) for column in range(len(Cost._fields) - 1)]
        report.add_row(f"{size:,}", "all", *(f"{value:.1f}" for value in totals), "", style="bold", end_section=True)
    report.caption = (
        f"fixed work on this machine: {measured.speed_before:.1f} ms before, {measured.speed_after:.1f} ms after"
    )
    return report


def as_json(measured: FeatureCosts) -> dict[str, object]:
    """The same as values for JSON: times in us, sizes in bytes."""
    rows = [
        {"events": size, "profile": kind, **cost._asdict()}
        for size, by_kind in measured.costs.items()
        for kind, cost in by_kind.items()
    ]
    return {"costs": rows, "fixed_work_ms": [measured.speed_before, measured.speed_after]}


def costs(size: int, rng: random.Random) -> dict[str, Cost]:
    """Measure the cost of each kind of profile at one size."""
    step_ms = 37 * DAY_MS // size
    return {
        "user": measure(UserProfile, payments(rng, 30 * DAY_MS // size), update_and_compute, size),
        "device": measure(DeviceProfile, shared_payments(rng, step_ms, users=5), DEVICE_BLOCK.update_and_compute, size),
        "merchant": measure(
            MerchantProfile, shared_payments(rng, step_ms, users=10_000), MERCHANT_BLOCK.update_and_compute, size
        ),
    }


def measure(kind: type[Profile], source: Iterator[Any], compute: Compute, size: int) -> Cost:
    """Measure the cost of a kind of profile with ``size`` events in the longest window."""
    profiles = [kind() for _ in range(20 if size <= 1_000 else 2)]
    for _ in range(min(size * 5 // 4, STEADY_EVENTS)):
        compute(_for_each(profiles, [next(source)]))
    in_order = _compute_s(compute, lambda: _batch(profiles, source))
    pack = min(_pack_s(profiles, source, compute) for _ in range(ROUNDS))
    packed = [profile.pack() for profile in profiles]
    unpack = min(_seconds(partial(kind.unpack, data)) for data in packed for _ in range(ROUNDS // 10))
    out_of_order = _compute_s(compute, lambda: _batch(profiles, source, REVERSED))
    return Cost(in_order * 1e6, out_of_order * 1e6, pack * 1e6, unpack * 1e6, max(map(len, packed)))


def payments(rng: random.Random, step_ms: int) -> Iterator[Transaction]:
    """Yield payments of one user at a constant rate with a jitter, at few merchants often and at many seldom."""
    moment = START_MS
    while True:
        moment += step_ms
        yield Transaction(
            transaction_id=f"{rng.getrandbits(64):016x}",
            user_id="user",
            amount=round(rng.lognormvariate(3, 1), 2),
            currency="EUR",
            merchant_id=f"merchant-{int(rng.expovariate(0.08))}",
            event_time=moment + rng.randrange(max(step_ms // 2, 1)),
            merchant_category="grocery",
            location=Location(48.1 + rng.random(), 11.5, "DE"),
            device=Device(id="device-1"),
            account=Account(created_at=START_MS, credit_limit=2_000.0),
            channel="pos",
            card_present=False,
        )


def shared_payments(rng: random.Random, step_ms: int, users: int) -> Iterator[SharedPayment]:
    """Yield payments of some users at one merchant or with one device; one in twenty is declined."""
    moment = START_MS
    while True:
        moment += step_ms
        yield SharedPayment(
            moment + rng.randrange(max(step_ms // 2, 1)),
            round(rng.lognormvariate(3, 1), 2),
            f"user-{rng.randrange(users)}",
            rng.random() < 0.05,
        )


def _batch(profiles: Sequence[Profile], source: Iterator[Any], order: int = 0) -> list[tuple[Profile, Any]]:
    """New events, the same for every profile: at least ``BATCH`` in all, and at least eight per profile."""
    events = [next(source) for _ in range(max(BATCH // len(profiles), REVERSED + 1))]
    return _for_each(profiles, [events[min(i ^ order, len(events) - 1)] for i in range(len(events))])


def _for_each(profiles: Sequence[Profile], events: Sequence[Any]) -> list[tuple[Profile, Any]]:
    return [(profile, event) for event in events for profile in profiles]


def _compute_s(compute: Compute, batch: Callable[[], list[tuple[Profile, Any]]]) -> float:
    """Seconds per event, the minimum of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        pairs = batch()
        best = min(best, _seconds(partial(compute, pairs)) / len(pairs))
    return best


def _pack_s(profiles: Sequence[Profile], source: Iterator[Any], compute: Compute) -> float:
    """Seconds per profile to pack profiles that have one event since the last packing."""
    compute(_for_each(profiles, [next(source)]))
    return _seconds(lambda: type(profiles[0]).pack_all(profiles)) / len(profiles)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
