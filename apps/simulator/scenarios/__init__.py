"""The attacks there are, one a file.

To add one: a file with a ``Scenario`` called ``SCENARIO``, and its name in ``_MODULES``.
"""

from __future__ import annotations

from importlib import import_module

from apps.simulator.scenarios.scenario import Scenario, Scene

__all__ = ["SCENARIOS", "Scenario", "Scene"]

_MODULES = (
    "account_takeover",
    "amount_probing",
    "bust_out",
    "card_testing",
    "impossible_travel",
    "merchant_collusion",
    "synthetic_identity",
    "velocity_attack",
)

SCENARIOS: tuple[Scenario, ...] = tuple(import_module(f"{__name__}.{name}").SCENARIO for name in _MODULES)
