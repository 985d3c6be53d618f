"""Catalogue of the simulator's attacks, one scenario a module.

To add a scenario, add a module with a ``Scenario`` called ``SCENARIO``: this package finds it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from apps.simulator.scenarios.scenario import Scenario, ScenarioContext

__all__ = ["SCENARIOS", "Scenario", "ScenarioContext"]

# In the order of the names: the same seed must draw the same scenarios on every machine.
_MODULES = sorted(module.name for module in iter_modules(__path__) if module.name != "scenario")

SCENARIOS: tuple[Scenario, ...] = tuple(import_module(f"{__name__}.{name}").SCENARIO for name in _MODULES)
