"""A job that goes on with more or fewer subtasks decides as one that was never touched.

Each shard's state stays with the shard; which subtask works on it follows from the number of subtasks, as Flink has it.
What a subtask remembers beside that state is lost with it, and must not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, controlled, profiles
from tests.pipeline.stages import device_stage, merchant_stage, user_stage
from tests.pipeline.traffic import cut, cuts, traffic, weeks
from udfs.pipeline import MemoryState
from udfs.stages.envelope import decode_envelope
from udfs.stages.stage import Stage
from udfs.stages.stage_message import Routes, SubtaskMessage, shard_of_key

USER_SHARDS, DEVICE_SHARDS, MERCHANT_SHARDS = 5, 3, 4
KEY_GROUPS = 128
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


def routes(shards: int, subtasks: int) -> Routes:
    return Routes([subtask(shard, shards, subtasks) for shard in range(shards)])


def _states(shards: int) -> list[MemoryState]:
    return [MemoryState() for _ in range(shards)]


@dataclass
class Job:
    """The state of all shards, and the records written so far."""

    changelog: bool = field(compare=False)
    users: list[MemoryState] = field(default_factory=lambda: _states(USER_SHARDS))
    devices: list[MemoryState] = field(default_factory=lambda: _states(DEVICE_SHARDS))
    merchants: list[MemoryState] = field(default_factory=lambda: _states(MERCHANT_SHARDS))
    written: list[bytes] = field(default_factory=list)

    def start(self, subtasks: int) -> None:
        """Start the stages with a number of subtasks, from the state."""

        def owned(states: list[MemoryState], index: int) -> dict[int, MemoryState]:
            return {n: state for n, state in enumerate(states) if subtask(n, len(states), subtasks) == index}

        common: dict[str, Any] = FEW_PROFILES | {"changelog": self.changelog}
        devices, merchants = routes(DEVICE_SHARDS, subtasks), routes(MERCHANT_SHARDS, subtasks)
        self._users = [
            user_stage(owned(self.users, index), shards=USER_SHARDS, devices=devices, merchants=merchants, **common)
            for index in range(subtasks)
        ]
        self._devices = [
            device_stage(
                owned(self.devices, index),
                shards=DEVICE_SHARDS,
                first_source=USER_SHARDS,
                merchants=merchants,
                **common,
            )
            for index in range(subtasks)
        ]
        self._merchants = [
            merchant_stage(owned(self.merchants, index), shards=MERCHANT_SHARDS, **common) for index in range(subtasks)
        ]

    def process(self, records: list[bytes], control: list[bytes], now_ms: int) -> None:
        """Process a batch; control records reach every subtask of every stage."""
        subtasks = len(self._users)
        to_users: list[list[bytes]] = [list(control) for _ in range(subtasks)]
        to_devices: list[list[bytes]] = [list(control) for _ in range(subtasks)]
        to_merchants: list[list[bytes]] = [list(control) for _ in range(subtasks)]
        for record in records:
            shard = shard_of_key(decode_envelope(record).key or b"", USER_SHARDS)
            to_users[subtask(shard, USER_SHARDS, subtasks)].append(record)
        for users, batch in zip(self._users, to_users, strict=True):
            output = users.process(batch, now_ms)
            _deliver(output.to_devices, to_devices)
            _deliver(output.to_merchants, to_merchants)
        for devices, batch in zip(self._devices, to_devices, strict=True):
            _deliver(devices.process(batch, now_ms), to_merchants)
        for merchants, batch in zip(self._merchants, to_merchants, strict=True):
            decisions = merchants.process(batch, now_ms).decisions
            self.written += [*decisions.decisions, *decisions.alerts]

    def checkpoint(self, now_ms: int) -> None:
        """Have every stage write everything that its state lacks."""
        stages: list[Stage[Any]] = [*self._users, *self._devices, *self._merchants]
        for stage in stages:
            stage.checkpoint(now_ms)


def _deliver(messages: Iterable[SubtaskMessage], to: list[list[bytes]]) -> None:
    for target, message, _ in messages:
        to[target].append(message)


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
    undisturbed, rescaled = Job(changelog), Job(changelog)
    undisturbed.start(1)
    rescaled.start(2)
    for number, batch in enumerate(batches):
        for subtasks in [3] * (number == grows) + [2] * (number == shrinks):
            rescaled.checkpoint(LATER_MS)
            rescaled.start(subtasks)
        for job in (undisturbed, rescaled):
            job.process(batch, [changes[number]] if number in changes else [], LATER_MS)
    for job in (undisturbed, rescaled):
        job.written.sort()  # subtasks write side by side
    assert rescaled.written == undisturbed.written
    if changelog:
        return  # segments end where the checkpoints were
    for job in (undisturbed, rescaled):
        job.checkpoint(LATER_MS)
        job.devices = [MemoryState(profiles(state)) for state in job.devices]  # clocks and minutes are the subtask's
        job.merchants = [MemoryState(profiles(state)) for state in job.merchants]
    assert rescaled == undisturbed
