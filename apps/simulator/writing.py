"""Encode simulated payments, account events and labels as JSON records, by templates: most of a record is constant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import CATEGORIES, HOME_CITIES, City, Population
from state.kernel.times import DAY_MS
from udfs.names import Topic


class SimulatedRecord(NamedTuple):
    """A Kafka record and its ground truth.

    Attributes:
        topic: topic, by its default name.
        key: user id.
        value: JSON.
        time: time at which it is sent, in event time, epoch milliseconds.
        fraud: kind of the attack that a payment belongs to, or None.
        attack: number of that attack, or None.
    """

    topic: Topic
    key: bytes
    value: bytes
    time: int
    fraud: str | None
    attack: int | None = None


def _location(city: City) -> str:
    return (
        f'"location":{{"latitude":{city.latitude},"longitude":{city.longitude},'
        f'"country":"{city.country}","city":"{city.name}"}},'
    )


class RecordWriter:
    """Encodes the records of one population.

    Args:
        population: users and merchants.
        run: prefix of every id, so that no two runs share an id.
    """

    def __init__(self, population: Population, run: str) -> None:
        self._population = population
        self._run = run
        self._count = 0
        self._users = [f"user-{number}" for number in range(population.users)]
        self._accounts = [
            f'"account":{{"created_at":{created},"credit_limit":{limit:.0f}}},'
            for created, limit in zip(population.created_at.tolist(), population.credit_limit.tolist(), strict=True)
        ]
        self._categories = [CATEGORIES[category].name for category in population.category.tolist()]
        self._locations = [_location(city) for city in HOME_CITIES]
        omitting = np.flatnonzero(population.omits.any(axis=1)).tolist()
        self._omits = {merchant: population.omits[merchant].tolist() for merchant in omitting}

    def transaction(self, payment: DraftPayment) -> tuple[str, SimulatedRecord]:
        """Encode a payment; returns its transaction id and its record."""
        self._count += 1
        population, number, merchant = self._population, payment.user, payment.merchant
        transaction_id = f"{self._run}-{self._count:09d}"
        user = payment.identity or self._users[number]
        online = bool(population.online[merchant]) if payment.online is None else payment.online
        card = f'"card_present":{"false" if online else "true"},"channel":"{"web" if online else "pos"}",'
        # A merchant is a chain with a branch in every city: it is where the user is.
        location = self._locations[population.home[number]] if payment.city is None else _location(payment.city)
        category = f'"merchant_category":"{self._categories[merchant]}",'
        account = self._accounts[number]
        if payment.identity is not None:
            account = f'"account":{{"created_at":{payment.time - DAY_MS},"credit_limit":2000}},'
        device = (
            f'"device":{{"id":"{payment.device or f"dev-{number}"}",'
            f'"ip":"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}},'
        )
        if merchant in self._omits:
            fields = zip((category, location, card, device, account), self._omits[merchant], strict=True)
            category, location, card, device, account = ("" if omitted else field for field, omitted in fields)
        declined = '{"declined":true}' if payment.declined else "{}"
        value = (
            f'{{"transaction_id":"{transaction_id}","user_id":"{user}","amount":{payment.amount:.2f},"currency":"EUR",'
            f'"merchant_id":"merchant-{merchant}",{category}'
            f'"timestamp":{payment.time},{location}"payment_method":"card",{card}{device}{account}"metadata":{declined}}}'
        )
        record = SimulatedRecord(
            Topic.TRANSACTIONS, user.encode(), value.encode(), payment.time, payment.fraud, payment.attack
        )
        return transaction_id, record

    def account_event(self, event: DraftAccountEvent) -> SimulatedRecord:
        """Encode an account event."""
        self._count += 1
        user = self._users[event.user]
        device = event.device or f"dev-{event.user}"
        value = (
            f'{{"event_id":"{self._run}-e{self._count:09d}","user_id":"{user}","kind":"{event.kind}",'
            f'"timestamp":{event.time},"device":{{"id":"{device}"}}}}'
        )
        return SimulatedRecord(Topic.ACCOUNT_EVENTS, user.encode(), value.encode(), event.time, None)

    def label(self, transaction_id: str, payment: DraftPayment, time: int) -> SimulatedRecord:
        """Encode the label of a payment, known at ``time``: a chargeback, or an analyst's verdict of legitimate."""
        user = payment.identity or self._users[payment.user]
        device = payment.device or f"dev-{payment.user}"
        verdict, source = ("fraud", "chargeback") if payment.fraud else ("legitimate", "analyst")
        value = (
            f'{{"transaction_id":"{transaction_id}","user_id":"{user}","merchant_id":"merchant-{payment.merchant}",'
            f'"event_time":{payment.time},"timestamp":{time},"label":"{verdict}","source":"{source}",'
            f'"device_id":"{device}"}}'
        )
        return SimulatedRecord(Topic.LABELS, user.encode(), value.encode(), time, None)
