"""The faults, one file each. Every module here that defines ``FAULT`` is found by itself."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from deploy.chaos.fault import Fault

__all__ = ["FAULTS"]

_PHASES = ("start", "any", "end")


def _find() -> tuple[Fault, ...]:
    found: list[Fault] = [import_module(f"{__name__}.{module.name}").FAULT for module in iter_modules(__path__)]
    return tuple(sorted(found, key=lambda fault: (_PHASES.index(fault.phase), fault.name)))


FAULTS = _find()
"""In the order in which one job goes through them: by phase, then by name."""
