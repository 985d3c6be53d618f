"""What happens, before it is written down as a record."""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.population import City


@dataclass(slots=True)
class Payment:
    """A payment to be written; what is None is the user's or merchant's own.

    Attributes:
        time: epoch milliseconds.
        user: number of the user.
        merchant: number of the merchant.
        amount: currency units.
        fraud: kind of attack it belongs to, or None.
        declined: whether the issuer turned it down.
        city: where it is made, if not where user and merchant are.
        device: id of the device, if not the user's own.
        online: whether it is made from afar; None: as the merchant sells.
        identity: user id, if it is nobody of the population; its account is then a day old.
        attack: number of the attack it belongs to, or None.
    """

    time: int
    user: int
    merchant: int
    amount: float
    fraud: str | None = None
    declined: bool = False
    city: City | None = None
    device: str | None = None
    online: bool | None = None
    identity: str | None = None
    attack: int | None = None


@dataclass(slots=True)
class Happening:
    """An account event to be written; ``time`` in epoch milliseconds, ``device`` as in ``Payment``."""

    time: int
    user: int
    kind: str
    device: str | None = None
