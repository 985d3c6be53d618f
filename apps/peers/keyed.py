"""The stages for engines that keep state by key and hand over the events of one key: one entity at a time.

The engine has the packed profile of the key and brings the records to it. What the stages keep beside the profiles,
clocks above all, has no place in such state: it stays in the process, and begins anew after a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from apps.peers.work import NO_CACHE, SHIPPED_MODEL, Decide, stages
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.stage_message import decode_message

PackedProfile = bytes | None
"""The profile of a key, None for one that was never seen."""


class RoutedMessage(NamedTuple):
    """What a stage passes on: a handoff, and the device or merchant whose it is."""

    to_device: bool
    entity_id: str
    message: bytes


class SingleProfileState:
    """State of one key at a time, as the stages want it."""

    def __init__(self) -> None:
        self.packed: PackedProfile = None
        self._beside: dict[str, bytes] = {}

    def get(self, key: str) -> PackedProfile:
        """The profile, whose key the engine knows, or what the process keeps beside it."""
        return self._beside.get(key) if key[0] == "\0" else self.packed

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Keep both."""
        for key, value in entries.items():
            if key[0] == "\0":
                self._beside[key] = value
            else:
                self.packed = value

    def remove(self, key: str) -> None:
        """Forget what the process keeps beside it."""
        self._beside.pop(key, None)


class KeyedStages:
    """One process's stages. Every method takes what came for one key and its profile, and returns it as it is then.

    Args:
        model: folder of the model.
        cached_profiles: decoded profiles kept; only where no other process can change a profile meanwhile.
    """

    def __init__(self, model: str = SHIPPED_MODEL, cached_profiles: int = NO_CACHE) -> None:
        self._stages = stages(model, cached_profiles)
        self._users, self._devices, self._merchants = SingleProfileState(), SingleProfileState(), SingleProfileState()

    def user(self, record: bytes, packed: PackedProfile) -> tuple[list[RoutedMessage], PackedProfile]:
        """A sealed envelope; what goes to its device, or to its merchant at once.

        One and not several, or payments with two merchants would be handed over together.
        """
        self._users.packed = packed
        output = self._stages.users.process(0, [record], self._users, _now_ms())
        self._stages.users.write_profiles(0, self._users)
        passed = [
            *(RoutedMessage(True, _device_of(handoff), handoff) for _, handoff in output.to_devices),
            *(RoutedMessage(False, _merchant_of(handoff), handoff) for _, handoff in output.to_merchants),
        ]
        return passed, self._users.packed

    def device(self, handoff: bytes, packed: PackedProfile) -> tuple[list[RoutedMessage], PackedProfile]:
        """A handoff; what goes to its merchant."""
        self._devices.packed = packed
        passed = self._stages.devices.process(0, [handoff], self._devices, _now_ms())
        self._stages.devices.write_profiles(0, self._devices)
        return [RoutedMessage(False, _merchant_of(sealed), sealed) for _, sealed in passed], self._devices.packed

    def merchant(self, handoffs: Sequence[bytes], packed: PackedProfile) -> tuple[DecisionBatch, PackedProfile]:
        """Handoffs of one merchant; decisions and alerts."""
        self._merchants.packed = packed
        output = self._stages.merchants.process(0, handoffs, self._merchants, _now_ms())
        self._stages.merchants.write_profiles(0, self._merchants)
        return output.decisions, self._merchants.packed


def in_memory(keyed: KeyedStages, user_of: Callable[[bytes], str]) -> Decide:
    """An engine of three dicts that hands over one event at a time, for whoever wants to see the decisions.

    Args:
        keyed: the stages.
        user_of: key of a sealed envelope.
    """
    users: dict[str, PackedProfile] = {}
    devices: dict[str, PackedProfile] = {}
    merchants: dict[str, PackedProfile] = {}

    def decide_one(record: bytes) -> list[bytes]:
        user = user_of(record)
        passed, users[user] = keyed.user(record, users.get(user))
        to_merchants = [each for each in passed if not each.to_device]
        for each in passed:
            if each.to_device:
                further, devices[each.entity_id] = keyed.device(each.message, devices.get(each.entity_id))
                to_merchants += further
        decisions: list[bytes] = []
        for each in to_merchants:
            verdicts, merchants[each.entity_id] = keyed.merchant([each.message], merchants.get(each.entity_id))
            decisions += verdicts.decisions
        return decisions

    return lambda records, _: [decision for record in records for decision in decide_one(record)]


def _device_of(handoff: bytes) -> str:
    opened = decode_message(handoff)
    first = opened.payments[0] if opened.payments else opened.labels[0]
    return first.device_id or ""


def _merchant_of(handoff: bytes) -> str:
    opened = decode_message(handoff)
    return opened.payments[0].merchant_id if opened.payments else opened.labels[0].merchant_id


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
