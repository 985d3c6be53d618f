"""Simulated payments and account events before they are encoded as records."""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.population import City


@dataclass(slots=True)
class DraftPayment:
    """A payment to encode; the user's or merchant's usual value stands in for a field that is None.

    Attributes:
        time: epoch milliseconds.
        user: number of the user.
        merchant: number of the merchant.
        amount: currency units.
        fraud: kind of the attack that the payment belongs to, or None.
        declined: whether the issuer declined it.
        city: place of the payment; None for the user's home city.
        device: device id; None for the user's own device.
        online: whether the card is not present; None for the way in which the merchant sells.
        identity: id of a user outside the population, whose account is a day old; None for ``user``.
        attack: number of the attack that the payment belongs to, or None.
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
class DraftAccountEvent:
    """An account event to encode.

    Attributes:
        time: epoch milliseconds.
        user: number of the user.
        kind: kind of account event, of ``udfs.records.account_event.KINDS``.
        device: device id; None for the user's own device.
    """

    time: int
    user: int
    kind: str
    device: str | None = None
