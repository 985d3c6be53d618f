"""The effect of lists on a decision: what is silenced, and which action wins over the score.

A block wins over an allow. With ``exceptions``, an allow that names the user or the card wins over a block of a country
or a network: somebody made an exception for this customer from a rule of thumb about many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from udfs.lists.membership import EVERYTHING
from udfs.names import ListedEntity, ListName, list_reason

MODEL = "model"
"""In the rules of a suppression: the score of the model."""
_PAYERS = frozenset({ListedEntity.USER, ListedEntity.CARD})
_MANY = frozenset({ListedEntity.COUNTRY, ListedEntity.NETWORK})
_DECIDING = frozenset(ListName)
ListAction = Literal["block", "monitor", "approve"]


class ListEffect(NamedTuple):
    """The effect of the lists that a payment is on.

    Attributes:
        action: that the lists ask for; None for none.
        is_final: whether the action holds whatever the score; otherwise it is the least one.
        reasons: reason codes, those of the list that wins first.
    """

    action: ListAction | None = None
    is_final: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def spares(self) -> bool:
        """Whether the payment is allowed whatever the score: it raises no alert."""
        return self.is_final and self.action != "block"


NO_EFFECT = ListEffect()


def list_effect(lists: Sequence[str], *, exceptions: bool = True) -> ListEffect:
    """The effect of lists on the action.

    Args:
        lists: ``name:entity``, in order of their names; lists for rules have none.
        exceptions: whether an allow of the user or the card wins over a block of the country or a network.
    """
    entities: dict[ListName, list[ListedEntity]] = {}
    for one in lists:
        name, _, entity = one.rpartition(":")
        if name in _DECIDING:
            entities.setdefault(ListName(name), []).append(ListedEntity(entity))
    if not entities:
        return NO_EFFECT
    blocked, allowed = entities.get(ListName.BLOCK, []), entities.get(ListName.ALLOW, [])
    is_exception = exceptions and _MANY.issuperset(blocked) and not _PAYERS.isdisjoint(allowed)
    if blocked and not is_exception:
        return ListEffect("block", True, _reasons(entities, ListName.BLOCK))
    action: ListAction | None = "monitor" if ListName.WATCH in entities else "approve" if allowed else None
    return ListEffect(action, bool(allowed), _reasons(entities, ListName.ALLOW))


def _reasons(entities: dict[ListName, list[ListedEntity]], first: ListName) -> tuple[str, ...]:
    names = (first, *(name for name in ListName if name is not first))
    return tuple(list_reason(name, entity) for name in names for entity in entities.get(name, ()))


def is_silenced(name: str, silenced: Sequence[str]) -> bool:
    """Whether a rule or a pattern of this id, or ``MODEL``, is silenced."""
    return EVERYTHING in silenced or name in silenced
