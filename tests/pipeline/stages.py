"""Single stages that know nothing yet: what a test does not say is ordinary, with one shard of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from tests.pipeline.sent import RULES
from udfs.decision import Thresholds
from udfs.pipeline import MemoryState
from udfs.records.limits import Limits
from udfs.stages.device import DeviceStage, DeviceStageOptions
from udfs.stages.merchant import MerchantStage, MerchantStageOptions
from udfs.stages.stage import Stage
from udfs.stages.stage_message import Routes
from udfs.stages.user import UserStage, UserStageOptions

IDLE_MS = 30_000
_COMMON: dict[str, Any] = {
    "shards": 1,
    "lateness_ms": 3_600_000,
    "idle_ms": IDLE_MS,
    "cached_profiles": 10,
    "changelog": False,
}
HERE = Routes([0])


def user_stage(states: Mapping[int, MemoryState] | None = None, **options: Any) -> UserStage:
    """A user stage; options by the names of ``UserStageOptions``."""
    ordinary = {"limits": Limits(), "devices": HERE, "merchants": HERE, "out_of_orderness_ms": 5_000}
    return attached(UserStage(UserStageOptions(**(_COMMON | ordinary | options))), states)


def device_stage(states: Mapping[int, MemoryState] | None = None, **options: Any) -> DeviceStage:
    """A device stage; options by the names of ``DeviceStageOptions``."""
    ordinary = {"first_source": 1, "merchants": HERE}
    return attached(DeviceStage(DeviceStageOptions(**(_COMMON | ordinary | options))), states)


def merchant_stage(states: Mapping[int, MemoryState] | None = None, **options: Any) -> MerchantStage:
    """A merchant stage; options by the names of ``MerchantStageOptions``."""
    ordinary = {"rules": RULES, "thresholds": Thresholds(), "model": None, "sample_every": 0}
    return attached(MerchantStage(MerchantStageOptions(**(_COMMON | ordinary | options))), states)


S = TypeVar("S", bound=Stage[Any])


def attached(stage: S, states: Mapping[int, MemoryState] | None) -> S:
    """The stage with shards by number, or with one new shard."""
    for number, state in ({0: MemoryState()} if states is None else states).items():
        stage.attach(number, state)
    return stage
