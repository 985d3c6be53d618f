"""Cost of patterns: ``sentinel bench patterns``.

Features of simulated payments without attacks, with account events, are computed first. Then the time is measured that
patterns add to each stage, in batches of ``BATCH`` records, warm: selecting the events that satisfy a step,
matching them, and storing their progress. Profiles lie in the store of the stage. A stage loads and stores them for
features in any case, so the time of that without progress is measured, too, and subtracted. Each figure is the minimum
of some rounds, since other work on the machine only adds time.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Column, Table

from apps.bench.machine_speed import fixed_work_ms
from apps.simulator.simulator import Simulator, SimulatorOptions
from state.profiles.profile import LATENESS_MS
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from state.store.profile_store import ProfileStore
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent
from udfs.names import Kind, ShardEntry, Topic
from udfs.patterns import Entity, PatternSet, default_patterns, load_patterns
from udfs.patterns.pending_matches import PendingMatches
from udfs.pipeline import MemoryState, Pipeline
from udfs.records.account_event import KINDS, AccountEvent
from udfs.records.limits import Limits
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.pattern_matching import PatternMatcher
from udfs.stages.stage_message import Payment

BATCH = 100
TRANSACTIONS = 20_000
ROUNDS = 5
ACCOUNT_EVENT_SHARE = 0.2  # account events per payment
LOGIN_SHARE = 0.9  # of the account events
COPIES = (1, 2, 4, 8)
NOW_MS = 4_000_000_000_000  # after all events
PROFILES: dict[Entity, type[Any]] = {
    Entity.USER: UserProfile,
    Entity.DEVICE: DeviceProfile,
    Entity.MERCHANT: MerchantProfile,
}


class Work(NamedTuple):
    """One batch of a stage, before patterns are matched."""

    entity_ids: list[str]
    payments: Sequence[Any]
    features: NDArray[np.float64]
    account_events: Sequence[PositionedAccountEvent] = ()


class _Shard:
    """A shard of a stage with its state, and the ids that were accessed since the last checkpoint."""

    def __init__(self, kind: type[Any]) -> None:
        store: ProfileStore[Any] = ProfileStore(kind, kind.unpack, kind.pack_all, 1_000_000)
        self._accessed: set[str] = set()
        self._profiles = store.shard(0, MemoryState())
        self.pending = PendingMatches()
        self.watermark = 0

    def profile(self, entity_id: str) -> Any:  # noqa: ANN401 - any kind of profile
        self._accessed.add(entity_id)
        return self._profiles.get(entity_id)

    def store(self) -> float:
        """Store the accessed profiles; return the seconds that this takes without changes by patterns."""
        self._profiles.checkpoint(
            {ShardEntry.PENDING_MATCHES.value: self.pending.pack()} if self.pending.changed else {}
        )
        begun = time.perf_counter()
        for entity_id in self._accessed:
            self._profiles.get(entity_id)
        self._profiles.checkpoint({})
        self._accessed.clear()
        return time.perf_counter() - begun


def ordinary_traffic(transactions: int = TRANSACTIONS) -> dict[Entity, list[Work]]:
    """Simulate payments without fraud, and account events; return batches with features for each stage."""
    options = SimulatorOptions(
        seed=9, users=2_000, rate=2.6 * 2_000 / 86_400, fraud_rate=0.0, label_delay_ms=(10**12, 10**12)
    )
    pipeline = Pipeline()
    work: dict[Entity, list[Work]] = {entity: [] for entity in Entity}
    processed = 0
    for batch, account_events in _batches(Simulator(options)):
        _, output = pipeline.process(batch, now_ms=NOW_MS)
        processed += len(output.payments)
        for entity, each in _work_of(output.payments, output.features, account_events):
            work[entity].append(each)
        if processed >= transactions:
            return work
    return work


def _batches(simulator: Simulator) -> Iterator[tuple[list[bytes], list[AccountEvent]]]:
    rng = random.Random(simulator.options.seed)
    records: list[bytes] = []
    account_events: list[AccountEvent] = []
    for record in simulator.records():
        if record.topic != Topic.TRANSACTIONS:
            continue
        if rng.random() < ACCOUNT_EVENT_SHARE:
            # The simulator writes no account events of ordinary users, who do little but log in and pay.
            kind = "login" if rng.random() < LOGIN_SHARE else rng.choice(sorted(KINDS))
            user = record.key.decode()
            event = AccountEvent(user, kind, record.time, f"e{rng.getrandbits(64):016x}")
            records.append(encode_envelope(Envelope(Kind.ACCOUNT_EVENT, 0, 0, record.key, msgspec.json.encode(event))))
            account_events.append(event)
        records.append(encode_envelope(Envelope(Kind.TRANSACTION, 0, 0, record.key, record.value)))
        if len(records) >= BATCH:
            yield records, account_events
            records, account_events = [], []


def _work_of(
    payments: Sequence[Payment], features: NDArray[np.float64], account_events: Sequence[AccountEvent]
) -> Iterator[tuple[Entity, Work]]:
    """Yield a batch for each stage; payments are in order of event time, as in the merchant stage."""
    transactions = [_transaction(payment) for payment in payments]
    times = [payment.event_time for payment in payments]
    positioned = [
        PositionedAccountEvent(bisect_left(times, event.event_time), UserProfile(), event) for event in account_events
    ]
    yield Entity.USER, Work([one.user_id for one in payments], transactions, features[:, :USER_WIDTH], positioned)
    width = USER_WIDTH + DEVICE_WIDTH
    rows = [row for row, one in enumerate(payments) if one.device_id is not None]
    with_device = [payments[row] for row in rows]
    yield Entity.DEVICE, Work([one.device_id or "" for one in with_device], with_device, features[rows, :width])
    yield Entity.MERCHANT, Work([one.merchant_id for one in payments], payments, features)


def _transaction(payment: Payment) -> Transaction:
    decoded = decode_transaction(payment.value, payment.user_id.encode(), payment.event_time, Limits())
    assert isinstance(decoded, Transaction)
    return decoded


def cost(patterns: PatternSet, work: dict[Entity, list[Work]], rounds: int = ROUNDS) -> dict[Entity, float]:
    """Measure the microseconds per payment that patterns add to each stage, account events included."""
    return {
        entity: min(_round_us(patterns, entity, batches) for _ in range(rounds)) for entity, batches in work.items()
    }


def _round_us(patterns: PatternSet, entity: Entity, batches: Sequence[Work]) -> float:
    shard = _Shard(PROFILES[entity])
    matcher = PatternMatcher(entity, LATENESS_MS)
    warm = len(batches) // 4
    seconds = 0.0
    for number, batch in enumerate(batches):
        begun = time.perf_counter()
        batch_matcher = matcher.batch(patterns, [shard], lambda _: shard)
        batch_matcher.observe(batch.entity_ids, batch.payments, batch.features, batch.account_events)
        shard.watermark = max([shard.watermark, *(payment.event_time for payment in batch.payments[-1:])])
        batch_matcher.on_watermark()
        without_patterns = shard.store()
        if number >= warm:
            # Subtracted twice: once for the additional store here, once for the store that a stage does in any case.
            seconds += time.perf_counter() - begun - 2 * without_patterns
    return seconds / max(sum(len(batch.payments) for batch in batches[warm:]), 1) * 1e6


def copied(times: int) -> PatternSet:
    """Repeat the default patterns, with other numbers in each copy, so that no condition is shared between copies."""
    defaults = default_patterns().all
    entries = []
    for copy in range(times):
        for pattern in defaults:
            entry = msgspec.to_builtins(pattern)
            entry["id"] = f"{pattern.id}_{copy}"
            for step in entry["steps"]:
                if step["where"] and copy:
                    step["where"] = f"({step['where']}) and amount != {copy / 1000}"
            entries.append(entry)
    return load_patterns(msgspec.json.encode({"version": 1, "patterns": entries}).decode())


class PatternCosts(NamedTuple):
    """By number of patterns, us per ordinary payment of each stage; and the time of fixed work before and after, ms."""

    costs: dict[int, dict[Entity, float]]
    speed_before: float
    speed_after: float


def run() -> PatternCosts:
    """Measure each number of patterns."""
    work, speed_before = ordinary_traffic(), fixed_work_ms()
    sets = [copied(times) for times in COPIES]
    return PatternCosts({len(each.all): cost(each, work) for each in sets}, speed_before, fixed_work_ms())


def as_json(measured: PatternCosts) -> dict[str, object]:
    """The report as values for JSON: times in us."""
    rows = [{"patterns": count, **by_stage} for count, by_stage in measured.costs.items()]
    return {"costs": rows, "fixed_work_ms": [measured.speed_before, measured.speed_after]}


def table(measured: PatternCosts) -> Table:
    """Make a row for each number of patterns."""
    numbers = [Column(name, justify="right") for name in (*Entity, "all stages, us")]
    report = Table("patterns", *numbers, title=f"us per ordinary payment, batches of {BATCH}")
    for count, by_stage in measured.costs.items():
        report.add_row(str(count), *(f"{by_stage[entity]:.2f}" for entity in Entity), f"{sum(by_stage.values()):.2f}")
    report.caption = (
        f"fixed work on this machine: {measured.speed_before:.1f} ms before, {measured.speed_after:.1f} ms after"
    )
    return report
