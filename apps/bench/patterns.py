"""What patterns cost: ``sentinel bench patterns``.

Simulated traffic without attacks goes through the three stages' features beforehand; measured is what patterns add to
each stage, in batches of ``BATCH`` payments, warm: asking which payments touch a pattern, and matching those that do,
with what it takes to read and store their progress. The best of some rounds, since other work on the machine only ever
adds; the yardstick says how fast the machine was meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Column, Table

from apps.bench.features import yardstick
from apps.simulator.simulator import Options, Simulator
from state.store import Backing
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.names import Kind, Topic
from udfs.patterns import Entity, PatternSet, load_patterns, ready_patterns
from udfs.patterns.memory import Progress
from udfs.pipeline import MemoryState, Pipeline
from udfs.records.limits import Limits
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.envelope import Envelope, seal_envelope
from udfs.stages.handoff import Payment
from udfs.stages.watch import Watch

BATCH = 100
TRANSACTIONS = 20_000
ROUNDS = 5
COPIES = (1, 2, 4, 8)
WIDTHS = {Entity.USER: USER_WIDTH, Entity.DEVICE: USER_WIDTH + DEVICE_WIDTH, Entity.MERCHANT: None}


class Work(NamedTuple):
    """One batch as a stage has it when it comes to patterns."""

    entity_ids: list[str]
    payments: Sequence[Any]
    features: NDArray[np.float64]


class _Profile:
    """Of a profile, what patterns cost: progress that is read and packed when it was touched."""

    __slots__ = ("_packed", "_progress")

    def __init__(self) -> None:
        self._packed = b""
        self._progress: dict[str, Progress] | None = None

    @property
    def progress(self) -> dict[str, Progress]:
        if self._progress is None:
            self._progress = msgspec.msgpack.decode(self._packed, type=dict[str, Progress]) if self._packed else {}
        return self._progress

    def pack(self) -> None:
        if self._progress is not None:
            self._packed = msgspec.msgpack.encode(self._progress)
            self._progress = None


class _Profiles:
    """A stage's profiles, all of them in memory."""

    def __init__(self) -> None:
        self._profiles: dict[str, _Profile] = {}
        self._touched: list[_Profile] = []

    def open(self, entity_id: str, _: Backing) -> _Profile:
        profile = self._profiles.get(entity_id)
        if profile is None:
            profile = self._profiles[entity_id] = _Profile()
        self._touched.append(profile)
        return profile

    def flush(self) -> None:
        for profile in self._touched:
            profile.pack()
        self._touched.clear()


def ordinary_traffic() -> dict[Entity, list[Work]]:
    """``TRANSACTIONS`` payments of which none is fraud, with their features, in batches, for every stage."""
    options = Options(seed=9, users=2_000, rate=2.6 * 2_000 / 86_400, fraud_rate=0.0, label_delay_ms=(10**12, 10**12))
    simulator, pipeline = Simulator(options), Pipeline()
    work: dict[Entity, list[Work]] = {entity: [] for entity in Entity}
    done = 0
    for batch in _batches(simulator):
        _, output = pipeline.process(batch, now_ms=4_000_000_000_000)
        done += len(output.payments)
        for entity, each in _works(output.payments, output.features):
            work[entity].append(each)
        if done >= TRANSACTIONS:
            return work
    return work


def _batches(simulator: Simulator) -> Iterator[list[bytes]]:
    waiting: list[bytes] = []
    for record in simulator.records():
        if record.topic == Topic.TRANSACTIONS:
            waiting.append(seal_envelope(Envelope(Kind.TRANSACTION, 0, 0, record.key, record.value)))
        if len(waiting) == BATCH:
            yield waiting
            waiting = []


def _works(payments: Sequence[Payment], features: NDArray[np.float64]) -> Iterator[tuple[Entity, Work]]:
    transactions = [_transaction(payment) for payment in payments]
    yield Entity.USER, Work([one.user_id for one in payments], transactions, features[:, :USER_WIDTH])
    width = USER_WIDTH + DEVICE_WIDTH
    rows = [row for row, one in enumerate(payments) if one.device_id is not None]
    with_device = [payments[row] for row in rows]
    yield Entity.DEVICE, Work([one.device_id or "" for one in with_device], with_device, features[rows, :width])
    yield Entity.MERCHANT, Work([one.merchant_id for one in payments], payments, features)


def _transaction(payment: Payment) -> Transaction:
    found = decode_transaction(payment.value, payment.user_id.encode(), payment.event_time, Limits())
    assert isinstance(found, Transaction)
    return found


def cost(patterns: PatternSet, work: dict[Entity, list[Work]]) -> dict[Entity, float]:
    """Microseconds that patterns cost an ordinary payment in each stage; a payment without a device costs one less."""
    return {entity: min(_round(patterns, entity, batches) for _ in range(ROUNDS)) for entity, batches in work.items()}


def _round(patterns: PatternSet, entity: Entity, batches: Sequence[Work]) -> float:
    profiles, state = _Profiles(), MemoryState()
    watch = Watch(entity, 3_600_000, profiles.open)
    warm = len(batches) // 4
    begun = 0.0
    for number, batch in enumerate(batches):
        if number == warm:
            begun = time.perf_counter()
        watermark = batch.payments[0].event_time if batch.payments else 0
        watched = watch.shard(0, state, patterns, watermark)
        watched.observe(batch.entity_ids, batch.payments, batch.features)
        watched.settle(watermark)
        profiles.flush()
    seconds = time.perf_counter() - begun
    return seconds / sum(len(batch.payments) for batch in batches[warm:]) * 1e6


def copied(times: int) -> PatternSet:
    """The ready patterns so many times over, each copy with numbers of its own, so that nothing is asked only once."""
    ready = ready_patterns().all
    entries = []
    for copy in range(times):
        for pattern in ready:
            entry = msgspec.to_builtins(pattern)
            entry["id"] = f"{pattern.id}_{copy}"
            for step in entry["steps"]:
                if step["where"] and copy:
                    step["where"] = f"({step['where']}) and amount != {copy / 1000}"
            entries.append(entry)
    return load_patterns(msgspec.json.encode({"version": 1, "patterns": entries}).decode())


def table() -> Table:
    """A row for each number of patterns."""
    numbers = [Column(name, justify="right") for name in (*Entity, "all stages, us")]
    shown = Table("patterns", *numbers, title=f"us an ordinary payment, batches of {BATCH}")
    work = ordinary_traffic()
    before = yardstick()
    for times in COPIES:
        found = cost(copied(times), work)
        shown.add_row(str(8 * times), *(f"{found[entity]:.2f}" for entity in Entity), f"{sum(found.values()):.2f}")
    shown.caption = f"yardstick {before:.0f} ns before, {yardstick():.0f} ns after"
    return shown
