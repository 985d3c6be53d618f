"""The patterns there are, and how a stage shows them a payment.

To add one: a file with a subclass of ``Pattern``, and its instance in ``PATTERNS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from udfs.patterns.card_testing import CardTesting
from udfs.patterns.pattern import Entity, Match, Pattern, Progress
from udfs.records.transaction import Transaction

__all__ = ["PATTERNS", "Entity", "Match", "Pattern", "Progress", "observe"]

PATTERNS: tuple[Pattern, ...] = (CardTesting(),)


class RemembersProgress(Protocol):
    """A profile, as far as patterns need it: their progress by pattern id."""

    @property
    def progress(self) -> dict[str, Progress]:
        """Progress by pattern id; may be costly to get at, so it is asked for only when a pattern is touched."""


def observe(patterns: Sequence[Pattern], profile: RemembersProgress, transaction: Transaction) -> list[Match]:
    """Show a payment to the patterns of its entity.

    Args:
        patterns: those of the stage's entity, in the order matches are wanted in.
        profile: of the entity; its progress changes only when a pattern is touched.
        transaction: not shown to this profile before.

    Returns:
        What the payment made true, mostly nothing.
    """
    matches: list[Match] = []
    for pattern in patterns:
        if pattern.touches(transaction):
            match = pattern.observe(profile.progress.setdefault(pattern.id, []), transaction)
            if match is not None:
                matches.append(match)
    return matches
