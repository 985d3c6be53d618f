"""The definition of a rule: a condition over the features of one transaction, and its effect on the decision."""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["monitor", "challenge", "block"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule; exactly one of ``add``, ``at_least`` and ``action`` is its effect.

    Attributes:
        id: unique name of the rule, also in decisions.
        when: condition over the features (``udfs.conditions``).
        reason: stable reason code of the decisions for which the rule fired.
        version: increases with every change of the rule.
        add: added to the score, above 0 and up to 1.
        at_least: minimum score, above 0 and up to 1.
        action: minimum action; raises the score to the threshold of the action.
        enabled: whether the rule is evaluated.
        note: purpose of the rule, for people.
    """

    id: str
    when: str
    reason: str
    version: int = 1
    add: float | None = None
    at_least: float | None = None
    action: Action | None = None
    enabled: bool = True
    note: str = ""

    @property
    def weight(self) -> float:
        """Weight of the rule among the reasons of a decision: its share of the score, and 1 for an action."""
        return self.add or self.at_least or 1.0
