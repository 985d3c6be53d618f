"""What a rule is: a condition over the features of one transaction, and what follows from it."""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["monitor", "challenge", "block"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule; exactly one of ``add``, ``at_least`` and ``action`` says what follows.

    Attributes:
        id: names the rule, in decisions as well.
        when: condition over the features (``udfs.conditions``).
        reason: stable reason code of decisions in which it spoke.
        version: rises with every change of the rule.
        add: is added to the score.
        at_least: the score is at least this.
        action: the action is at least this; the score is raised to where its band begins.
        enabled: whether it speaks.
        note: why it is there, for people.
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
        """How strongly it speaks, to order reasons: its share of the score, and 1 for an action."""
        return self.add or self.at_least or 1.0
