"""The device stage: features and patterns of devices, for the payments that name one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from state.profiles.shared_profile import DeviceProfile
from state.store.keyed_state import KeyedState
from udfs.features.catalogue import USER_WIDTH
from udfs.features.shared_block import DEVICE_BLOCK
from udfs.patterns import Entity
from udfs.records.label import Label
from udfs.stages.envelope import decode_envelope, is_control
from udfs.stages.shard import Shard
from udfs.stages.stage import Stage, StageOptions, profile_store
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
class DeviceStageOptions(StageOptions):
    """Options of the device stage.

    Attributes:
        first_source: number of the first device shard among all sources of the merchant stage.
        merchant_shards: number of shards of the merchant stage.
    """

    first_source: int
    merchant_shards: int


class DeviceStage(Stage[DeviceProfile]):
    """Computes the features of devices and matches their patterns."""

    def __init__(self, options: DeviceStageOptions) -> None:
        super().__init__(options, Entity.DEVICE, profile_store(DeviceProfile, options))
        self._options = options

    def process(self, number: int, records: Sequence[bytes], state: KeyedState, now_ms: int) -> list[tuple[int, bytes]]:
        """Process a batch of one shard.

        Args:
            number: of the shard.
            records: encoded messages of the user stage, and control records, in order of arrival.
            state: keyed state of the shard; it lacks the batch until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.

        Returns:
            Number of a merchant shard, and an encoded message for it.
        """
        shard = self.shard(number, state)
        messages: list[StageMessage] = []
        for record in records:
            if is_control(record):
                # The merchant stage receives the same record, and writes the dead letter if it is refused.
                self._apply_control(shard, decode_envelope(record))
            else:
                messages.append(decode_message(record))
        labels = [label for message in messages for label in message.labels]
        payments, user_features = in_event_time(messages, USER_WIDTH)
        features = self._features(shard, payments, user_features, labels)
        matcher = self.matcher.batch(shard.profiles.get, shard.pending, shard.control.patterns, shard.clock.watermark)
        device_ids = [payment.device_id or "" for payment in payments]
        payments = with_matches(payments, matcher.observe(device_ids, payments, features))
        watermark = self._advance(shard, messages, now_ms)
        matcher.on_watermark(watermark)
        shard.profiles.after_batch(len(payments) + len(labels))
        targets = [shard_of(payment.merchant_id, self._options.merchant_shards) for payment in payments]
        return partition_by_shard(payments, features, (), (targets, ()), self._options.first_source + number, watermark)

    @staticmethod
    def _features(
        shard: Shard[DeviceProfile],
        payments: Sequence[Payment],
        user_features: NDArray[np.float64],
        labels: Sequence[Label],
    ) -> NDArray[np.float64]:
        """Features of users and devices, (n, USER_WIDTH + DEVICE_WIDTH)."""
        pairs = [(shard.profiles.get(payment.device_id or ""), payment) for payment in payments]
        labelled = [(shard.profiles.get(label.device_id), label) for label in labels if label.device_id is not None]
        return np.hstack((user_features, DEVICE_BLOCK.update_and_compute(pairs, labelled)))
