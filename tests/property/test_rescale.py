"""A job that goes on with more or fewer subtasks decides as one that was never touched.

Each shard's state stays with the shard; which subtask works on it follows from the number of subtasks, as Flink has it.
What a subtask remembers beside that state is lost with it, and must not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, but_for_minutes, controlled
from tests.pipeline.stages import device_stage, merchant_stage, user_stage
from tests.pipeline.traffic import cut, cuts, traffic, weeks
from udfs.pipeline import MemoryState
from udfs.stages.device import DeviceStage
from udfs.stages.envelope import decode_envelope
from udfs.stages.merchant import MerchantStage
from udfs.stages.stage_message import shard_of
from udfs.stages.user import UserStage

USER_SHARDS, DEVICE_SHARDS, MERCHANT_SHARDS = 4, 3, 4
KEY_GROUPS = 128
TO_BOTH = {"device_shards": DEVICE_SHARDS, "merchant_shards": MERCHANT_SHARDS}
TO_MERCHANTS = {"first_source": USER_SHARDS, "merchant_shards": MERCHANT_SHARDS}
FEW_PROFILES = {"cached_profiles": 4}
LATER_MS = NOW_MS + 250 * 24 * 3_600_000
STRICT = {"block": 0.5, "challenge": 0.3, "monitor": 0.1, "alert": 0.3}
RULE = {"id": "any", "when": "device_transaction_count_24h > 2 or amount > 100", "reason": "ANY", "add": 0.4}
CONTROL = [
    controlled("thresholds", 1, STRICT),
    controlled("rules", 1, {"version": 2, "rules": [RULE]}),
    controlled("thresholds", 2, STRICT | {"alert": 0.1}),
]


def subtask(shard: int, shards: int, subtasks: int) -> int:
    """The one that works on a shard: each shard's key lies in the middle of its share of the key groups."""
    return int((shard + 0.5) * KEY_GROUPS / shards) * subtasks // KEY_GROUPS


class Subtasks:
    """The stages of so many subtasks, that know nothing yet."""

    def __init__(self, count: int, changelog: bool) -> None:
        options: dict[str, Any] = FEW_PROFILES | {"changelog": changelog}
        self.users = [user_stage(**TO_BOTH, **options) for _ in range(count)]
        self.devices = [device_stage(**TO_MERCHANTS, **options) for _ in range(count)]
        self.merchants = [merchant_stage(**options) for _ in range(count)]

    def user(self, shard: int) -> UserStage:
        return self.users[subtask(shard, USER_SHARDS, len(self.users))]

    def device(self, shard: int) -> DeviceStage:
        return self.devices[subtask(shard, DEVICE_SHARDS, len(self.devices))]

    def merchant(self, shard: int) -> MerchantStage:
        return self.merchants[subtask(shard, MERCHANT_SHARDS, len(self.merchants))]


def _states(shards: int) -> list[MemoryState]:
    return [MemoryState() for _ in range(shards)]


@dataclass
class Job:
    """The state of all shards, and what was written so far; ``subtasks`` may be exchanged at any time."""

    subtasks: Subtasks = field(compare=False)
    users: list[MemoryState] = field(default_factory=lambda: _states(USER_SHARDS))
    devices: list[MemoryState] = field(default_factory=lambda: _states(DEVICE_SHARDS))
    merchants: list[MemoryState] = field(default_factory=lambda: _states(MERCHANT_SHARDS))
    written: list[bytes] = field(default_factory=list)

    def process(self, records: list[bytes], control: list[bytes], now_ms: int) -> None:
        """Take in a batch of each shard, and control records at every merchant shard."""
        of_users: defaultdict[int, list[bytes]] = defaultdict(list)
        for record in records:
            of_users[shard_of((decode_envelope(record).key or b"").decode(), USER_SHARDS)].append(record)
        to_devices: defaultdict[int, list[bytes]] = defaultdict(list)
        to_merchants: defaultdict[int, list[bytes]] = defaultdict(list)
        if control:
            to_merchants |= {shard: list(control) for shard in range(MERCHANT_SHARDS)}
        for shard, batch in sorted(of_users.items()):
            output = self.subtasks.user(shard).process(shard, batch, self.users[shard], now_ms)
            _deliver(output.to_devices, to_devices)
            _deliver(output.to_merchants, to_merchants)
        for shard, batch in sorted(to_devices.items()):
            _deliver(self.subtasks.device(shard).process(shard, batch, self.devices[shard], now_ms), to_merchants)
        for shard, batch in sorted(to_merchants.items()):
            verdicts = self.subtasks.merchant(shard).process(shard, batch, self.merchants[shard], now_ms).decisions
            self.written += [*verdicts.decisions, *verdicts.alerts]

    def checkpoint(self, now_ms: int) -> None:
        """Have every shard write what its state lacks."""
        for shard, state in enumerate(self.users):
            self.subtasks.user(shard).checkpoint(shard, state, now_ms)
        for shard, state in enumerate(self.devices):
            self.subtasks.device(shard).checkpoint(shard, state, now_ms)
        for shard, state in enumerate(self.merchants):
            self.subtasks.merchant(shard).checkpoint(shard, state, now_ms)


def _deliver(handoffs: Iterable[tuple[int, bytes]], to: defaultdict[int, list[bytes]]) -> None:
    for shard, handoff in handoffs:
        to[shard].append(handoff)


def test_every_subtask_has_shards_at_two_and_three_subtasks() -> None:
    for shards in (USER_SHARDS, DEVICE_SHARDS, MERCHANT_SHARDS):
        for subtasks in (1, 2, 3):
            assert {subtask(shard, shards, subtasks) for shard in range(shards)} == set(range(subtasks))


@settings(deadline=None)
@given(st.one_of(traffic(), weeks()), st.booleans(), st.data())
def test_a_job_rescaled_from_two_to_three_subtasks_and_back_decides_as_one_that_never_was(
    records: list[bytes], changelog: bool, data: st.DataObject
) -> None:
    batches = cut(records, data.draw(cuts(len(records)), label="batches end after"))
    places = st.integers(0, len(batches))
    grows, shrinks = sorted((data.draw(places, label="grows before"), data.draw(places, label="shrinks before")))
    changes = dict(zip(data.draw(st.lists(places, max_size=3, unique=True), label="control"), CONTROL, strict=False))
    undisturbed, rescaled = Job(Subtasks(1, changelog)), Job(Subtasks(2, changelog))
    for number, batch in enumerate(batches):
        for subtasks in [3] * (number == grows) + [2] * (number == shrinks):
            rescaled.checkpoint(LATER_MS)
            rescaled.subtasks = Subtasks(subtasks, changelog)
        for job in (undisturbed, rescaled):
            job.process(batch, [changes[number]] if number in changes else [], LATER_MS)
    assert rescaled.written == undisturbed.written
    if changelog:
        return  # entries are cut where the checkpoints were
    for job in (undisturbed, rescaled):
        job.checkpoint(LATER_MS)
        job.merchants = [MemoryState(but_for_minutes(state)) for state in job.merchants]
    assert rescaled == undisturbed
