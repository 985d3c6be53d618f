"""The definition of a rule: a condition over one payment, and its effect on the decision."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

Action = Literal["monitor", "challenge", "block"]


class Mode(StrEnum):
    """What a rule that fires does.

    ``ACTIVE`` decides. ``SHADOW`` is evaluated on the same payments, and appears only in a decision's ``shadow``.
    ``OFF`` is not evaluated.
    """

    ACTIVE = "active"
    SHADOW = "shadow"
    OFF = "off"


class RuleTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of a rule's condition, beside the rule (``udfs.rules.testing``).

    Attributes:
        given: values by name of the feature or field; ``lists`` names lists, ``name:entity``. All others are absent.
        expect: whether the condition holds.
        name: for people.
    """

    given: dict[str, Any]
    expect: Literal["fires", "silent"]
    name: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule; exactly one of ``add``, ``at_least`` and ``action`` is its effect.

    Attributes:
        id: unique name of the rule, also in decisions.
        when: condition over features and fields (``udfs.conditions``).
        reason: stable reason code of the decisions for which the rule fired.
        version: increases with every change of the rule.
        add: added to the score, above 0 and up to 1.
        at_least: minimum score, above 0 and up to 1.
        action: minimum action; raises the score to the threshold of the action.
        mode: whether the rule decides, is in shadow, or is off.
        valid_from: event time from which the rule holds: epoch milliseconds once loaded, RFC 3339 as written.
        valid_until: event time before which the rule holds.
        owner: who answers for the rule.
        description: purpose of the rule, for people.
        tests: of the condition.
    """

    id: str
    when: str
    reason: str
    version: int = 1
    add: float | None = None
    at_least: float | None = None
    action: Action | None = None
    mode: Mode = Mode.ACTIVE
    valid_from: int | str | None = None
    valid_until: int | str | None = None
    owner: str = ""
    description: str = ""
    tests: tuple[RuleTest, ...] = ()

    @property
    def weight(self) -> float:
        """Weight of the rule among the reasons of a decision: its share of the score, and 1 for an action."""
        return self.add or self.at_least or 1.0
