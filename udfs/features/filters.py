"""Which payments a velocity counts, when it does not count all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Filter:
    """Lets the payments pass in which a field has a value.

    Attributes:
        name: what such payments are called, in the names of features and of the histories that profiles keep of them.
        field: of the payment: ``declined`` of any, ``channel`` of a user's.
        value: what it is to be.
    """

    name: str
    field: str
    value: object

    def passing(self, payments: Sequence[object]) -> list[bool]:
        """Whether each of some payments passes.

        Raises:
            AttributeError: if payments of this entity have no such field.
        """
        field, value = attrgetter(self.field), self.value
        return [field(payment) == value for payment in payments]


DECLINED = Filter("declined", "declined", True)
WEB = Filter("web", "channel", "web")
