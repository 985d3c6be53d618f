"""The device stage: device features of the payments that name a device; what does not, never comes here.

It knows no engine: it is given a batch of one shard and the state of that shard, and returns what is to be handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from state.profiles.shared_profile import DeviceProfile
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore, ShardProfiles
from udfs.features.catalogue import FEATURE_NAMES, USER_WIDTH
from udfs.features.shared_block import DEVICE_BLOCK
from udfs.patterns import Entity, PatternSet, default_patterns
from udfs.records.label import Label
from udfs.stages.clocks import ShardClocks, advance
from udfs.stages.control_state import ShardControl, ShardControls
from udfs.stages.envelope import decode_envelope, is_control
from udfs.stages.pattern_matching import PatternMatcher
from udfs.stages.stage import Stage
from udfs.stages.stage_message import (
    Payment,
    StageMessage,
    decode_message,
    in_event_time,
    partition_by_shard,
    shard_of,
    with_matches,
)


@dataclass(frozen=True, kw_only=True)
class DeviceStageOptions:
    """What the stage is told when it starts.

    Attributes:
        first_source: number of the first device shard among all that hand over to the merchant stage.
        merchant_shards: number of shards of the merchant stage.
        lateness_ms: how late a payment may come and be decided and matched exactly.
        idle_ms: wall-clock time after which a silent shard no longer holds event time back.
        cached_profiles: decoded profiles kept.
        changelog: whether a checkpoint writes what changed, and not every profile that did.
        patterns: in force until control says otherwise.
    """

    first_source: int
    merchant_shards: int
    lateness_ms: int
    idle_ms: int
    cached_profiles: int
    changelog: bool = True
    patterns: PatternSet = field(default_factory=default_patterns)


class DeviceStage(Stage[DeviceProfile]):
    """One instance serves all the shards of a subtask."""

    def __init__(self, options: DeviceStageOptions) -> None:
        self._options = options
        profiles = ProfileStore(
            partial(DeviceProfile, options.lateness_ms),
            partial(DeviceProfile.unpack, lateness=options.lateness_ms),
            DeviceProfile.pack_all,
            options.cached_profiles,
            DeviceProfile.changes if options.changelog else None,
        )
        clocks = ShardClocks(0, options.idle_ms)
        controls = ShardControls(FEATURE_NAMES, lambda: ShardControl(patterns=options.patterns))
        super().__init__(profiles, clocks, controls, PatternMatcher(Entity.DEVICE, options.lateness_ms))

    def process(
        self, shard: int, records: Sequence[bytes], backing: KeyedState, now_ms: int
    ) -> list[tuple[int, bytes]]:
        """Take in a batch of one shard.

        Args:
            shard: its number.
            records: handoffs of the user stage, and control records, in the order in which they came.
            backing: the state of this shard, which lacks what is taken in until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.

        Returns:
            Number of the merchant shard, and a sealed handoff for it.
        """
        profiles = self._profiles.shard(shard, backing)
        clock = self._clocks.of(shard, backing)
        handoffs: list[StageMessage] = []
        for record in records:
            if is_control(record):
                self._controls.change(shard, decode_envelope(record), backing)
            else:
                handoffs.append(decode_message(record))
        labels = [label for handoff in handoffs for label in handoff.labels]
        payments, of_users = in_event_time(handoffs, USER_WIDTH)
        features = self._features(payments, of_users, labels, profiles)
        control = self._controls.of(shard, backing)
        watched = self.watch.shard(shard, backing, profiles.get, control.patterns, clock.watermark)
        devices = [payment.device_id or "" for payment in payments]
        payments = with_matches(payments, watched.observe(devices, payments, features))
        watermark = advance(clock, handoffs, now_ms)
        watched.on_watermark(watermark)
        profiles.after_batch(len(payments) + len(labels))
        targets = [shard_of(payment.merchant_id, self._options.merchant_shards) for payment in payments]
        return partition_by_shard(payments, features, (), (targets, ()), self._options.first_source + shard, watermark)

    def _features(
        self,
        payments: Sequence[Payment],
        of_users: NDArray[np.float64],
        labels: Sequence[Label],
        profiles: ShardProfiles[DeviceProfile],
    ) -> NDArray[np.float64]:
        """(n, USER_WIDTH + DEVICE_WIDTH)."""
        pairs = [(profiles.get(payment.device_id or ""), payment) for payment in payments]
        labelled = [(profiles.get(label.device_id), label) for label in labels if label.device_id is not None]
        return np.hstack((of_users, DEVICE_BLOCK.update_and_compute(pairs, labelled)))
