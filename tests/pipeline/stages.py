"""Single stages that know nothing yet: what a test does not say is ordinary, with one shard of each."""

from __future__ import annotations

from typing import Any

from tests.pipeline.sent import RULES
from udfs.decision import Thresholds
from udfs.records.limits import Limits
from udfs.stages.device import DeviceStage, DeviceStageOptions
from udfs.stages.merchant import MerchantStage, MerchantStageOptions
from udfs.stages.user import UserStage, UserStageOptions

IDLE_MS = 30_000
_COMMON: dict[str, Any] = {"lateness_ms": 3_600_000, "idle_ms": IDLE_MS, "cached_profiles": 10, "changelog": False}


def user_stage(**options: Any) -> UserStage:
    """A user stage; options by the names of ``UserStageOptions``."""
    ordinary = {"limits": Limits(), "device_shards": 1, "merchant_shards": 1, "out_of_orderness_ms": 5_000}
    return UserStage(UserStageOptions(**(_COMMON | ordinary | options)))


def device_stage(**options: Any) -> DeviceStage:
    """A device stage; options by the names of ``DeviceStageOptions``."""
    ordinary = {"first_source": 1, "merchant_shards": 1}
    return DeviceStage(DeviceStageOptions(**(_COMMON | ordinary | options)))


def merchant_stage(**options: Any) -> MerchantStage:
    """A merchant stage; options by the names of ``MerchantStageOptions``."""
    ordinary = {"rules": RULES, "thresholds": Thresholds(), "model": None, "sample_every": 0}
    return MerchantStage(MerchantStageOptions(**(_COMMON | ordinary | options)))
