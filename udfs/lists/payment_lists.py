"""The lists of the user stage: it reads all records, and knows the user, card, country and network of a payment."""

from __future__ import annotations

from collections.abc import Iterator

from state.store.keyed_state import KeyedState
from udfs.lists.intervals import Listed
from udfs.lists.membership import NO_LISTS, Membership, membership
from udfs.lists.record import ListEntry, decode_entry
from udfs.lists.shared_lists import SHARED, SharedLists
from udfs.lists.stage_lists import StageLists
from udfs.names import ListedEntity, Refused
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction
from udfs.stages.envelope import Envelope

_FIRST_SHARD = 0


class PaymentLists:
    """Lists of the user stage, and its reader of records.

    A record of a card, country or network comes once for every shard; the first one that an instance sees is applied
    for all its shards.

    Args:
        users: lists of users.
        shared_entries: most cards, countries and networks.
    """

    def __init__(self, users: StageLists, shared_entries: int) -> None:
        self._users = users
        self._shared = SharedLists(shared_entries)
        self._states: dict[int, KeyedState] = {}
        self._read_up_to: dict[int, int] = {}

    def attach(self, number: int, state: KeyedState) -> None:
        """Load what a shard has of the cards, countries and networks: each shard has all of them."""
        if not self._states:
            self._shared.restore(state)
        self._states[number] = state

    def read(self, envelope: Envelope) -> ListEntry | Refusal | None:
        """Read a record, and apply it if its entity belongs to this stage.

        Returns:
            The entry; a refusal, by the instance that writes it to the dead letters; None for nothing to do.
        """
        entity = (envelope.key or b"").partition(b"/")[0]
        is_shared = entity in _SHARED_KEYS
        if is_shared and self._is_copy(envelope):
            return None
        entry = decode_entry(envelope.value, envelope.key)
        if not isinstance(entry, Refusal):
            if entry.entity is ListedEntity.USER:
                self._users.apply(entry)
            elif entry.entity in SHARED and not self._shared.apply(entry):
                entry = Refusal(
                    Refused.LISTS_FULL,
                    f"lists have {len(self._shared):,} cards, countries and networks, and no more: remove some, or "
                    "raise lists.shared_entries",
                )
        if is_shared and isinstance(entry, Refusal) and _FIRST_SHARD not in self._states:
            return None
        return entry

    def _is_copy(self, envelope: Envelope) -> bool:
        """Whether an instance with several shards has read a record of a shared entity before."""
        if len(self._states) == 1:
            return False
        is_copy = envelope.offset <= self._read_up_to.get(envelope.partition, -1)
        self._read_up_to[envelope.partition] = envelope.offset
        return is_copy

    def of(self, transaction: Transaction) -> Membership:
        """The lists that the user, the card, the country and the networks of a payment are on."""
        found = self._users.of(transaction.user_id, transaction.event_time)
        if not len(self._shared):
            return found
        shared = membership(self._shared_of(transaction), transaction.event_time)
        return found.joined(shared) if shared is not NO_LISTS else found

    def _shared_of(self, transaction: Transaction) -> Iterator[tuple[ListedEntity, Listed]]:
        location, device = transaction.location, transaction.device
        if transaction.card_id is not None:
            yield ListedEntity.CARD, self._shared.lookup(ListedEntity.CARD, transaction.card_id)
        if location is not None and location.country is not None:
            yield ListedEntity.COUNTRY, self._shared.lookup(ListedEntity.COUNTRY, location.country)
        if device is not None and device.ip is not None:
            for listed in self._shared.lookup_address(device.ip):
                yield ListedEntity.NETWORK, listed

    def checkpoint(self, before: int) -> None:
        """Write what the shards lack; entries that end at or before an event time are forgotten."""
        entries = self._shared.entries(before)
        if entries:
            for state in self._states.values():
                state.put_many(entries)


_SHARED_KEYS = frozenset(entity.value.encode() for entity in SHARED)
