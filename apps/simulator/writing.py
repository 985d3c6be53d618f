"""From what happened to records of the topics: JSON by templates, since most of a record is the same each time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import CATEGORIES, HOME_CITIES, City, Population
from udfs.names import Topic

DAY_MS = 86_400_000


class SimulatedRecord(NamedTuple):
    """A Kafka record, and the truth about it.

    Attributes:
        topic: by its default name.
        key: the user's id.
        value: JSON.
        time: when it is sent, in event time, epoch milliseconds.
        fraud: kind of attack, or None.
        attack: its number, or None.
    """

    topic: Topic
    key: bytes
    value: bytes
    time: int
    fraud: str | None
    attack: int | None = None


def _place(city: City) -> str:
    return (
        f'"location":{{"latitude":{city.latitude},"longitude":{city.longitude},'
        f'"country":"{city.country}","city":"{city.name}"}},'
    )


class Writer:
    """Writes records of one population.

    Args:
        people: the population.
        run: begins every id, so that two runs do not repeat each other's.
    """

    def __init__(self, people: Population, run: str) -> None:
        self._people = people
        self._run = run
        self._count = 0
        self._users = [f"user-{number}" for number in range(people.users)]
        self._accounts = [
            f'"account":{{"created_at":{created},"credit_limit":{limit:.0f}}},'
            for created, limit in zip(people.created_at.tolist(), people.credit_limit.tolist(), strict=True)
        ]
        self._categories = [CATEGORIES[category].name for category in people.category.tolist()]
        self._places = [_place(city) for city in HOME_CITIES]
        silent = np.flatnonzero(people.leaves_out.any(axis=1)).tolist()
        self._leaves_out = {merchant: people.leaves_out[merchant].tolist() for merchant in silent}

    def transaction(self, payment: Payment) -> tuple[str, SimulatedRecord]:
        """The record of a payment, and its transaction id."""
        self._count += 1
        people, number, merchant = self._people, payment.user, payment.merchant
        transaction_id = f"{self._run}-{self._count:09d}"
        user = payment.identity or self._users[number]
        online = bool(people.online[merchant]) if payment.online is None else payment.online
        card = f'"card_present":{"false" if online else "true"},"channel":"{"web" if online else "pos"}",'
        # A shop is a chain: it is where the customer is.
        place = self._places[people.home[number]] if payment.city is None else _place(payment.city)
        category = f'"merchant_category":"{self._categories[merchant]}",'
        account = self._accounts[number]
        if payment.identity is not None:
            account = f'"account":{{"created_at":{payment.time - DAY_MS},"credit_limit":2000}},'
        device = (
            f'"device":{{"id":"{payment.device or f"dev-{number}"}",'
            f'"ip":"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}},'
        )
        if merchant in self._leaves_out:
            parts = zip((category, place, card, device, account), self._leaves_out[merchant], strict=True)
            category, place, card, device, account = ("" if left_out else part for part, left_out in parts)
        declined = '{"declined":true}' if payment.declined else "{}"
        value = (
            f'{{"transaction_id":"{transaction_id}","user_id":"{user}","amount":{payment.amount:.2f},"currency":"EUR",'
            f'"merchant_id":"merchant-{merchant}",{category}'
            f'"timestamp":{payment.time},{place}"payment_method":"card",{card}{device}{account}"metadata":{declined}}}'
        )
        record = SimulatedRecord(
            Topic.TRANSACTIONS, user.encode(), value.encode(), payment.time, payment.fraud, payment.attack
        )
        return transaction_id, record

    def account_event(self, happening: Happening) -> SimulatedRecord:
        """The record of an account event."""
        self._count += 1
        user = self._users[happening.user]
        device = happening.device or f"dev-{happening.user}"
        value = (
            f'{{"event_id":"{self._run}-e{self._count:09d}","user_id":"{user}","kind":"{happening.kind}",'
            f'"timestamp":{happening.time},"device":{{"id":"{device}"}}}}'
        )
        return SimulatedRecord(Topic.ACCOUNT_EVENTS, user.encode(), value.encode(), happening.time, None)

    def label(self, transaction_id: str, payment: Payment, time: int) -> SimulatedRecord:
        """The truth about a payment, known at ``time``: a chargeback, or an analyst's word that all was well."""
        user = payment.identity or self._users[payment.user]
        device = payment.device or f"dev-{payment.user}"
        verdict, source = ("fraud", "chargeback") if payment.fraud else ("legitimate", "analyst")
        value = (
            f'{{"transaction_id":"{transaction_id}","user_id":"{user}","merchant_id":"merchant-{payment.merchant}",'
            f'"event_time":{payment.time},"timestamp":{time},"label":"{verdict}","source":"{source}",'
            f'"device_id":"{device}"}}'
        )
        return SimulatedRecord(Topic.LABELS, user.encode(), value.encode(), time, None)
