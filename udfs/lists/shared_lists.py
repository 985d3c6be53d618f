"""Entries of cards, countries and networks: few, and on every shard, since no stage is sharded by them."""

from __future__ import annotations

import zlib
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from state.store.keyed_state import KeyedState
from udfs.lists.intervals import Intervals, Listed, update_listed, without_expired
from udfs.lists.record import FOREVER, ListEntry
from udfs.names import ListedEntity, ShardEntry

SHARED = frozenset({ListedEntity.CARD, ListedEntity.COUNTRY, ListedEntity.NETWORK})
"""Kinds of entities whose entries every shard of the user stage has (``sentinel.edge.ListDeserializer``)."""
CHUNKS = 64
"""Parts in which they are stored, so that a change writes one of them."""

_Chunk = list[tuple[ListedEntity, str, dict[str, Intervals]]]
_Network = IPv4Network | IPv6Network
_NOTHING: Listed = {}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Chunk)


class SharedLists:
    """Lists of the cards, countries and networks, of all shards of a stage instance.

    Args:
        capacity: most entities; further ones are refused.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._listed: dict[tuple[ListedEntity, str], dict[str, Intervals]] = {}
        self._networks = _Networks()
        self._changed: set[int] = set()
        self._first_end = FOREVER

    def __len__(self) -> int:
        return len(self._listed)

    def restore(self, state: KeyedState) -> None:
        """Load the entries from the state of a shard; each shard has all of them."""
        for number in range(CHUNKS):
            packed = state.get(_key(number))
            for entity, entity_id, listed in () if packed is None else _decoder.decode(packed):
                self._put(entity, entity_id, listed)

    def apply(self, entry: ListEntry) -> bool:
        """Apply a record to its entity; False if there is no room for another one."""
        key = entry.entity, entry.id
        before = self._listed.get(key, _NOTHING)
        listed = update_listed(before, entry)
        if not before and listed and len(self._listed) >= self._capacity:
            return False
        if listed != before:
            self._put(entry.entity, entry.id, listed)
            self._changed.add(_chunk(*key))
        return True

    def lookup(self, entity: ListedEntity, entity_id: str) -> Listed:
        """The lists of a card or country."""
        return self._listed.get((entity, entity_id), _NOTHING)

    def lookup_address(self, address: str) -> list[Listed]:
        """The lists of every network that an IP address lies in; none for a text that is no address."""
        found = self._networks.covering(address)
        return [self._listed[ListedEntity.NETWORK, network] for network in found]

    def entries(self, before: int) -> dict[str, bytes]:
        """State entries that have changed since the last call, for every shard.

        Args:
            before: entries that end at or before this event time are forgotten; epoch milliseconds.
        """
        if before >= self._first_end:
            self._forget(before)
        chunks: dict[int, _Chunk] = {number: [] for number in self._changed}
        if chunks:
            for (entity, entity_id), listed in self._listed.items():
                chunks.get(_chunk(entity, entity_id), []).append((entity, entity_id, listed))
        self._changed.clear()
        return {_key(number): _encoder.encode(chunk) for number, chunk in chunks.items()}

    def _forget(self, before: int) -> None:
        self._first_end = FOREVER
        for key, listed in list(self._listed.items()):
            left = without_expired(listed, before)
            if left != listed:
                self._changed.add(_chunk(*key))
            self._put(*key, left)

    def _put(self, entity: ListedEntity, entity_id: str, listed: dict[str, Intervals]) -> None:
        if listed:
            self._listed[entity, entity_id] = listed
            first_end = min(one.until for intervals in listed.values() for one in intervals)
            self._first_end = min(self._first_end, first_end)
        else:
            self._listed.pop((entity, entity_id), None)
        if entity is ListedEntity.NETWORK:
            self._networks.put(entity_id, is_listed=bool(listed))


class _Networks:
    """Networks by length of their prefix: an address is looked up once for each length that is there."""

    def __init__(self) -> None:
        self._by_prefix: dict[tuple[int, int], dict[int, str]] = {}

    def put(self, text: str, *, is_listed: bool) -> None:
        network: _Network = ip_network(text)
        prefix, number = (network.version, network.prefixlen), int(network.network_address)
        of_prefix = self._by_prefix.setdefault(prefix, {})
        if is_listed:
            of_prefix[number] = text
        else:
            of_prefix.pop(number, None)
        if not of_prefix:
            del self._by_prefix[prefix]

    def covering(self, address: str) -> list[str]:
        parsed = _parse_address(address) if self._by_prefix else None
        if parsed is None:
            return []
        version, bits, number = parsed
        found: list[str] = []
        for (of_version, length), of_prefix in self._by_prefix.items():
            network = of_prefix.get(number >> (bits - length) << (bits - length)) if of_version == version else None
            if network is not None:
                found.append(network)
        return found


@lru_cache(maxsize=4_096)
def _parse_address(text: str) -> tuple[int, int, int] | None:
    """Version, bits and number of an address; an IPv4 address inside IPv6 is that of IPv4."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    address = address if mapped is None else mapped
    return address.version, address.max_prefixlen, int(address)


def _chunk(entity: ListedEntity, entity_id: str) -> int:
    return zlib.crc32(f"{entity}/{entity_id}".encode()) % CHUNKS


def _key(number: int) -> str:
    return f"{ShardEntry.LISTS.value}shared-{number:02d}"
