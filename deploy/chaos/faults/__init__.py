"""The faults there are, one a file.

To add one: a file with a ``Fault`` called ``FAULT``, and its name in ``_MODULES``.
"""

from __future__ import annotations

from importlib import import_module

from deploy.chaos.fault import Fault

__all__ = ["FAULTS"]

# In the order in which one job goes through them: the upgrade begins with the job of an earlier version, and after the
# skewed clocks event time is ahead for good.
_MODULES = (
    "upgraded",
    "task_manager_killed",
    "job_manager_killed",
    "broker_killed",
    "broker_paused",
    "checkpoints_full",
    "redis_gone",
    "poison_flood",
    "hot_key",
    "burst",
    "rescaled",
    "clock_skew",
)

FAULTS: tuple[Fault, ...] = tuple(import_module(f"{__name__}.{name}").FAULT for name in _MODULES)
