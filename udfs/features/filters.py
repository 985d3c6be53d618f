"""Filters: which payments a velocity counts, if not all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Filter:
    """Selects the payments in which a field has a value.

    Attributes:
        name: adjective for such payments; part of feature names, and the key of the histories in stored profiles.
        field: attribute of the payment: ``declined`` of any payment, ``channel`` of a user's.
        value: value of the field that is selected.
    """

    name: str
    field: str
    value: object

    def mask(self, payments: Sequence[object]) -> list[bool]:
        """Tell for each payment whether it is selected.

        Raises:
            AttributeError: payments of this entity have no such field.
        """
        field, value = attrgetter(self.field), self.value
        return [field(payment) == value for payment in payments]


DECLINED = Filter("declined", "declined", True)
WEB = Filter("web", "channel", "web")
