"""The faults there are, one a file.

To add one: a file with a ``Fault`` called ``FAULT``, and its name in ``_MODULES``.
"""

from __future__ import annotations

from importlib import import_module

from deploy.chaos.fault import Fault

__all__ = ["FAULTS"]

_MODULES = (
    "task_manager_killed",
    "job_manager_killed",
    "broker_killed",
    "broker_paused",
    "checkpoints_full",
    "redis_gone",
    "poison_flood",
    "clock_skew",
    "hot_key",
    "burst",
    "rescaled",
    "upgraded",
)

FAULTS: tuple[Fault, ...] = tuple(import_module(f"{__name__}.{name}").FAULT for name in _MODULES)
