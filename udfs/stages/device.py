"""The device stage: features and patterns of devices, for the payments that name one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from state.profiles.shared_profile import DeviceProfile
from udfs.control.in_force import ControlInForce
from udfs.features.catalogue import USER_WIDTH
from udfs.features.shared_block import DEVICE_BLOCK
from udfs.patterns import Entity
from udfs.records.label import Label
from udfs.stages.envelope import decode_envelope, is_control
from udfs.stages.stage import DownstreamStage, StageOptions, profile_store
from udfs.stages.stage_message import (
    Payment,
    Routes,
    StageMessage,
    SubtaskMessage,
    decode_message,
    in_event_time,
    partition_by_subtask,
)


@dataclass(frozen=True, kw_only=True)
class DeviceStageOptions(StageOptions):
    """Options of the device stage.

    Attributes:
        first_source: number of the first device shard among all sources of the merchant stage.
        merchants: routes to the subtasks of the merchant stage.
    """

    first_source: int
    merchants: Routes


class DeviceStage(DownstreamStage[DeviceProfile]):
    """Computes the features of devices and matches their patterns."""

    def __init__(self, options: DeviceStageOptions) -> None:
        control = ControlInForce(patterns=options.patterns)
        super().__init__(options, Entity.DEVICE, profile_store(DeviceProfile, options), control)
        self._options = options

    def process(self, records: Sequence[bytes], now_ms: int) -> list[SubtaskMessage]:
        """Process a batch.

        Args:
            records: encoded messages of the user stage for attached shards, and control records, in order of arrival.
            now_ms: the wall clock, epoch milliseconds.

        Returns:
            Messages by subtask of the merchant stage.
        """
        messages: list[StageMessage] = []
        for record in records:
            if is_control(record):
                # The merchant stage receives the same record, and writes the dead letter if it is refused.
                self._apply_control(decode_envelope(record), now_ms)
            else:
                messages.append(decode_message(record))
        self._apply_entries(messages)
        labels = [label for message in messages for label in message.labels]
        payments, user_features = in_event_time(messages, USER_WIDTH)
        features = self._features(payments, user_features, labels)
        matcher = self.matcher.batch(self._patterns_of_batch(), self._shards.values(), self.shard_of)
        device_ids = [payment.device_id or "" for payment in payments]
        payments = self._on_lists(device_ids, self._match(matcher, device_ids, payments, features))
        watermark = self._advance(messages, now_ms)
        matcher.on_watermark()
        self._after_batch([*device_ids, *(label.device_id or "" for label in labels)])
        targets = self._options.merchants.of([payment.merchant_id for payment in payments])
        # One source for all shards of the instance; after a rescale a source that is gone becomes idle.
        source = self._options.first_source + min(self._shards)
        return partition_by_subtask(payments, features, (), (targets, ()), {source: watermark})

    def _features(
        self,
        payments: Sequence[Payment],
        user_features: NDArray[np.float64],
        labels: Sequence[Label],
    ) -> NDArray[np.float64]:
        """Features of users and devices, (n, USER_WIDTH + DEVICE_WIDTH)."""
        pairs = [(self.profile_of(payment.device_id or ""), payment) for payment in payments]
        labelled = [(self.profile_of(label.device_id), label) for label in labels if label.device_id is not None]
        return np.hstack((user_features, DEVICE_BLOCK.update_and_compute(pairs, labelled)))
