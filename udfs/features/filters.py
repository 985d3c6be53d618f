"""Which payments a velocity counts, when it does not count all of them."""

from __future__ import annotations

from dataclasses import dataclass


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

    def passes(self, payment: object) -> bool:
        """Whether a payment passes.

        Raises:
            AttributeError: if payments of this entity have no such field.
        """
        return bool(getattr(payment, self.field) == self.value)


DECLINED = Filter("declined", "declined", True)
WEB = Filter("web", "channel", "web")
