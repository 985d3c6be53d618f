"""The lists that a payment is on, by its event time, as it carries them from stage to stage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from udfs.lists.intervals import Listed, covering
from udfs.names import ListedEntity, ListName

EVERYTHING = "*"
"""In ``Membership.silenced``: all rules, all patterns and the model."""


class Membership(NamedTuple):
    """The lists that a payment is on.

    Attributes:
        lists: ``name:entity``, each once, in order of their names.
        silenced: what its suppressions silence: ids of rules and patterns, ``model``, or ``EVERYTHING``.
    """

    lists: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()

    def joined(self, other: Membership) -> Membership:
        """The lists of both."""
        if not other.lists:
            return self
        return Membership(_unique((*self.lists, *other.lists)), _unique((*self.silenced, *other.silenced)))


NO_LISTS = Membership()


def membership(found: Iterable[tuple[ListedEntity, Listed]], event_time: int) -> Membership:
    """The lists on which entities of a payment are at its event time.

    Args:
        found: lists of each entity.
        event_time: of the payment, epoch milliseconds.
    """
    lists: list[str] = []
    silenced: list[str] = []
    for entity, listed in found:
        for name, intervals in listed.items():
            interval = covering(intervals, event_time)
            if interval is not None:
                lists.append(f"{name}:{entity.value}")
                if name == ListName.SUPPRESS:
                    silenced += interval.rules or (EVERYTHING,)
    return Membership(_unique(lists), _unique(silenced)) if lists else NO_LISTS


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
