"""What patterns cost: ``sentinel bench patterns``.

Simulated traffic without attacks, payments and account events, goes through the three stages' features beforehand;
measured is what patterns add to each stage, in batches of ``BATCH`` records, warm: asking which events touch a pattern,
matching those that do, and storing their progress. Profiles are those of the stages, in their store. A stage opens and
stores them anyway, for features, so what that costs without progress is measured, too, and taken off. The best of some
rounds, since other work on the machine only ever adds; the yardstick says how fast the machine was meanwhile.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Column, Table

from apps.bench.micro.features import yardstick
from apps.simulator.simulator import Simulator, SimulatorOptions
from state.profiles.profile import LATENESS_MS
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from state.store.profile_store import ProfileStore
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.names import Kind, Topic
from udfs.patterns import Entity, PatternSet, default_patterns, load_patterns
from udfs.pipeline import MemoryState, Pipeline
from udfs.records.account_event import KINDS, AccountEvent
from udfs.records.limits import Limits
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.pattern_matching import Happened, PatternMatcher
from udfs.stages.stage_message import Payment

BATCH = 100
TRANSACTIONS = 20_000
ROUNDS = 5
ACCOUNT_EVENTS = 0.2  # for each payment
LOGINS = 0.9  # of them
COPIES = (1, 2, 4, 8)
NOW_MS = 4_000_000_000_000  # after everything
PROFILES: dict[Entity, type[Any]] = {
    Entity.USER: UserProfile,
    Entity.DEVICE: DeviceProfile,
    Entity.MERCHANT: MerchantProfile,
}


class Work(NamedTuple):
    """One batch as a stage has it when it comes to patterns."""

    entity_ids: list[str]
    payments: Sequence[Any]
    features: NDArray[np.float64]
    happened: Sequence[Happened] = ()


class _Profiles:
    """A stage's profiles and their state, and who was asked for since they were stored."""

    def __init__(self, kind: type[Any]) -> None:
        store: ProfileStore[Any] = ProfileStore(kind, kind.unpack, kind.pack_all, 1_000_000)
        self._asked: set[str] = set()
        self.state = MemoryState()
        self._profiles = store.shard(0, self.state)

    def open(self, entity_id: str) -> Any:  # noqa: ANN401 - of whichever kind
        self._asked.add(entity_id)
        return self._profiles.get(entity_id)

    def store(self, beside: Iterable[tuple[str, bytes]]) -> float:
        """Store those that were asked for; the seconds it would have taken had patterns not touched them."""
        self._profiles.checkpoint(dict(beside))
        begun = time.perf_counter()
        for entity_id in self._asked:
            self._profiles.get(entity_id)
        self._profiles.checkpoint({})
        self._asked.clear()
        return time.perf_counter() - begun


def ordinary_traffic(transactions: int = TRANSACTIONS) -> dict[Entity, list[Work]]:
    """So many payments of which none is fraud, with their features, and account events, in batches, for each stage."""
    options = SimulatorOptions(
        seed=9, users=2_000, rate=2.6 * 2_000 / 86_400, fraud_rate=0.0, label_delay_ms=(10**12, 10**12)
    )
    pipeline = Pipeline()
    work: dict[Entity, list[Work]] = {entity: [] for entity in Entity}
    done = 0
    for batch, happened in _batches(Simulator(options)):
        _, output = pipeline.process(batch, now_ms=NOW_MS)
        done += len(output.payments)
        for entity, each in _works(output.payments, output.features, happened):
            work[entity].append(each)
        if done >= transactions:
            return work
    return work


def _batches(simulator: Simulator) -> Iterator[tuple[list[bytes], list[AccountEvent]]]:
    chance = random.Random(simulator.options.seed)
    waiting: list[bytes] = []
    happened: list[AccountEvent] = []
    for record in simulator.records():
        if record.topic != Topic.TRANSACTIONS:
            continue
        if chance.random() < ACCOUNT_EVENTS:
            # Owners do little but log in and pay: the simulator writes no account events of ordinary users.
            kind = "login" if chance.random() < LOGINS else chance.choice(sorted(KINDS))
            user = record.key.decode()
            event = AccountEvent(user, kind, record.time, f"e{chance.getrandbits(64):016x}")
            waiting.append(encode_envelope(Envelope(Kind.ACCOUNT_EVENT, 0, 0, record.key, msgspec.json.encode(event))))
            happened.append(event)
        waiting.append(encode_envelope(Envelope(Kind.TRANSACTION, 0, 0, record.key, record.value)))
        if len(waiting) >= BATCH:
            yield waiting, happened
            waiting, happened = [], []


def _works(
    payments: Sequence[Payment], features: NDArray[np.float64], happened: Sequence[AccountEvent]
) -> Iterator[tuple[Entity, Work]]:
    transactions = [_transaction(payment) for payment in payments]
    times = [payment.event_time for payment in payments]  # the merchant stage has them in this order
    among = [Happened(bisect_left(times, event.event_time), event) for event in happened]
    yield Entity.USER, Work([one.user_id for one in payments], transactions, features[:, :USER_WIDTH], among)
    width = USER_WIDTH + DEVICE_WIDTH
    rows = [row for row, one in enumerate(payments) if one.device_id is not None]
    with_device = [payments[row] for row in rows]
    yield Entity.DEVICE, Work([one.device_id or "" for one in with_device], with_device, features[rows, :width])
    yield Entity.MERCHANT, Work([one.merchant_id for one in payments], payments, features)


def _transaction(payment: Payment) -> Transaction:
    found = decode_transaction(payment.value, payment.user_id.encode(), payment.event_time, Limits())
    assert isinstance(found, Transaction)
    return found


def cost(patterns: PatternSet, work: dict[Entity, list[Work]], rounds: int = ROUNDS) -> dict[Entity, float]:
    """Microseconds that patterns cost an ordinary payment in each stage, with the account events that come along."""
    return {entity: min(_round(patterns, entity, batches) for _ in range(rounds)) for entity, batches in work.items()}


def _round(patterns: PatternSet, entity: Entity, batches: Sequence[Work]) -> float:
    profiles = _Profiles(PROFILES[entity])
    watch = PatternMatcher(entity, LATENESS_MS)
    warm = len(batches) // 4
    seconds, watermark = 0.0, 0
    for number, batch in enumerate(batches):
        begun = time.perf_counter()
        watched = watch.shard(0, profiles.state, profiles.open, patterns, watermark)
        watched.observe(batch.entity_ids, batch.payments, batch.features, batch.happened)
        watermark = max(watermark, batch.payments[-1].event_time) if batch.payments else watermark
        watched.on_watermark(watermark)
        anyway = profiles.store(watch.entries(0))
        if number >= warm:
            # Anyway is done once more here than in a stage, and once it is the stage's own.
            seconds += time.perf_counter() - begun - 2 * anyway
    return seconds / max(sum(len(batch.payments) for batch in batches[warm:]), 1) * 1e6


def copied(times: int) -> PatternSet:
    """The ready patterns so many times over, each copy with numbers of its own, so that nothing is asked only once."""
    ready = default_patterns().all
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
        patterns = copied(times)
        found = cost(patterns, work)
        shown.add_row(
            str(len(patterns.all)), *(f"{found[entity]:.2f}" for entity in Entity), f"{sum(found.values()):.2f}"
        )
    shown.caption = f"yardstick {before:.0f} ns before, {yardstick():.0f} ns after"
    return shown
