"""The stages for engines that keep state by key and deliver the events of one key at a time.

The engine stores the packed profile of each key and passes it in with the record. The stages' other state, such as
event-time clocks, does not belong to a key: it stays in the process, and is lost at a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from apps.peers.work import NO_CACHE, SHIPPED_MODEL, Decide, stages
from udfs.pipeline import PipelineStates
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.stage_message import decode_message

PackedProfile = bytes | None
"""Packed profile of a key; None for a new key."""


class RoutedMessage(NamedTuple):
    """Encoded message of a stage, and the device or merchant it goes to."""

    to_device: bool
    entity_id: str
    message: bytes


class SingleProfileState:
    """Keyed state of a stage that holds one profile at a time.

    Attributes:
        packed: profile of the current key.
    """

    def __init__(self) -> None:
        self.packed: PackedProfile = None
        self._shard_state: dict[str, bytes] = {}

    def get(self, key: str) -> PackedProfile:
        """Return the current profile, whatever its key, or an entry of the shard."""
        return self._shard_state.get(key) if _is_shard_state(key) else self.packed

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Store the current profile, and entries of the shard."""
        for key, value in entries.items():
            if _is_shard_state(key):
                self._shard_state[key] = value
            else:
                self.packed = value

    def remove(self, key: str) -> None:
        """Delete an entry of the shard."""
        self._shard_state.pop(key, None)


def _is_shard_state(key: str) -> bool:
    return key[0] == "\0"


class KeyedStages:
    """Stages of one process. Each method takes the input of one key and its profile, and returns the new profile.

    Args:
        model: folder of the model.
        cached_profiles: maximum number of cached decoded profiles; only where no other process can change a profile.
    """

    def __init__(self, model: str = SHIPPED_MODEL, cached_profiles: int = NO_CACHE) -> None:
        self._users, self._devices, self._merchants = SingleProfileState(), SingleProfileState(), SingleProfileState()
        states = PipelineStates(self._users, self._devices, self._merchants)
        self._stages = stages(model, cached_profiles, states)

    def user(self, record: bytes, packed: PackedProfile) -> tuple[list[RoutedMessage], PackedProfile]:
        """Process one encoded envelope; return the messages to its device or merchant.

        One record at a time: of several, payments to different merchants would share a message.
        """
        self._users.packed = packed
        output = self._stages.users.process([record], _now_ms())
        self._stages.users.write_profiles()
        messages = [
            *(RoutedMessage(True, _device_of(message), message) for _, message, _ in output.to_devices),
            *(RoutedMessage(False, _merchant_of(message), message) for _, message, _ in output.to_merchants),
        ]
        return messages, self._users.packed

    def device(self, message: bytes, packed: PackedProfile) -> tuple[list[RoutedMessage], PackedProfile]:
        """Process one message of the user stage; return the messages to merchants."""
        self._devices.packed = packed
        output = self._stages.devices.process([message], _now_ms())
        self._stages.devices.write_profiles()
        return [RoutedMessage(False, _merchant_of(each), each) for _, each, _ in output], self._devices.packed

    def merchant(self, messages: Sequence[bytes], packed: PackedProfile) -> tuple[DecisionBatch, PackedProfile]:
        """Process messages of one merchant; return decisions and alerts."""
        self._merchants.packed = packed
        output = self._stages.merchants.process(messages, _now_ms())
        self._stages.merchants.write_profiles()
        return output.decisions, self._merchants.packed


def in_memory(keyed: KeyedStages, user_of: Callable[[bytes], str]) -> Decide:
    """Simulate an engine that delivers one event at a time, with a dict for each of its three keyed states.

    Args:
        keyed: the stages.
        user_of: returns the key of an encoded envelope.
    """
    users: dict[str, PackedProfile] = {}
    devices: dict[str, PackedProfile] = {}
    merchants: dict[str, PackedProfile] = {}

    def decide_one(record: bytes) -> list[bytes]:
        user = user_of(record)
        messages, users[user] = keyed.user(record, users.get(user))
        to_merchants = [each for each in messages if not each.to_device]
        for each in messages:
            if each.to_device:
                further, devices[each.entity_id] = keyed.device(each.message, devices.get(each.entity_id))
                to_merchants += further
        encoded: list[bytes] = []
        for each in to_merchants:
            decisions, merchants[each.entity_id] = keyed.merchant([each.message], merchants.get(each.entity_id))
            encoded += decisions.decisions
        return encoded

    return lambda records, _: [decision for record in records for decision in decide_one(record)]


def _device_of(message: bytes) -> str:
    decoded = decode_message(message)
    first = decoded.payments[0] if decoded.payments else decoded.labels[0]
    return first.device_id or ""


def _merchant_of(message: bytes) -> str:
    decoded = decode_message(message)
    return decoded.payments[0].merchant_id if decoded.payments else decoded.labels[0].merchant_id


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
