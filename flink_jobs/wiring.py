"""Builds stages from settings: on the client to check them, in the TaskManagers to run them."""

from __future__ import annotations

import logging
from pathlib import Path

import models
from flink_jobs.settings import Settings
from models.artefact import ArtefactError, load
from models.scorer import Scorer
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.rules import default_rules
from udfs.stages.device import DeviceStage, DeviceStageOptions
from udfs.stages.merchant import MerchantStage, MerchantStageOptions
from udfs.stages.stage_message import Routes
from udfs.stages.user import UserStage, UserStageOptions

SHIPPED_MODEL = Path(models.__file__).parent / "shipped"

_log = logging.getLogger(__name__)


class ModelRefusedError(Exception):
    """The configured model cannot score the features of this job; the message says why and what to do."""


def check_model(settings: Settings) -> None:
    """Check, before the job is submitted, that the model is intact and was trained on these features.

    Raises:
        ModelRefusedError: with the reason.
    """
    try:
        _load_model(settings)
    except ArtefactError as error:
        raise ModelRefusedError(str(error)) from None


def user_stage(settings: Settings, devices: Routes, merchants: Routes) -> UserStage:
    """Build the user stage."""
    event_time = settings.event_time
    return UserStage(
        UserStageOptions(
            limits=settings.limits,
            shards=settings.job.shards,
            devices=devices,
            merchants=merchants,
            out_of_orderness_ms=int(event_time.out_of_orderness_s * 1000),
            tolerated_ahead_ms=int(event_time.tolerated_ahead_s * 1000),
            shared_entries=settings.lists.shared_entries,
            lateness_ms=_lateness_ms(settings),
            approvers=settings.control.approvers,
            idle_ms=int(event_time.idle_partition_s * 1000),
            cached_profiles=settings.job.cached_profiles,
        )
    )


def device_stage(settings: Settings, merchants: Routes) -> DeviceStage:
    """Build the device stage; as sources of the merchant stage its shards are numbered after those of users."""
    return DeviceStage(
        DeviceStageOptions(
            first_source=settings.job.shards,
            shards=settings.job.device_shards,
            merchants=merchants,
            lateness_ms=_lateness_ms(settings),
            approvers=settings.control.approvers,
            idle_ms=int(settings.event_time.idle_partition_s * 1000),
            cached_profiles=settings.job.cached_profiles,
        )
    )


def merchant_stage(settings: Settings) -> MerchantStage:
    """Build the merchant stage."""
    decision = settings.decision
    share = decision.sampled_features
    return MerchantStage(
        MerchantStageOptions(
            shards=settings.job.merchant_shards,
            rules=default_rules(FEATURE_NAMES),
            thresholds=Thresholds(
                block=decision.block,
                challenge=decision.challenge,
                monitor=decision.monitor,
                alert=decision.alert,
            ),
            model=_model_or_fallback(settings),
            sample_every=round(1 / share) if share else 0,
            list_exceptions=settings.lists.exceptions,
            lateness_ms=_lateness_ms(settings),
            approvers=settings.control.approvers,
            idle_ms=int(settings.event_time.idle_partition_s * 1000),
            cached_profiles=settings.job.cached_profiles,
        )
    )


def _lateness_ms(settings: Settings) -> int:
    return int(settings.event_time.allowed_lateness_s * 1000)


def _model_or_fallback(settings: Settings) -> Scorer | None:
    """Load the model, or None if it was lost since the job was submitted: decisions go on by rules."""
    try:
        return _load_model(settings)
    except ArtefactError as error:
        _log.error("no model answers, rules decide alone: %s", error)
        return None


def _load_model(settings: Settings) -> Scorer:
    folder = settings.model.folder or SHIPPED_MODEL
    return Scorer(load(folder, FEATURE_NAMES, feature_hash()))
