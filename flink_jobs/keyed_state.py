"""Flink's keyed state by shard, as the stages use it (``state.store.keyed_state.KeyedState``).

One batch reads and writes the state of all shards of a subtask, so the key context of the operator is switched in
between, by a static method in Java that Python in a TaskManager can call.
"""

from __future__ import annotations

from typing import Any

from pyflink.datastream import RuntimeContext
from pyflink.datastream.state import MapState


class KeyContext:
    """The key context of a keyed operator.

    Args:
        context: of the operator.
    """

    def __init__(self, context: RuntimeContext) -> None:
        from pemja import findClass  # noqa: PLC0415 - exists in a TaskManager only

        self._backend: Any = context._keyed_state_backend._keyed_state_backend
        self._use_key = findClass("sentinel.edge.KeyedStates").useKey
        self._key: int | None = None

    def reset(self) -> None:
        """Forget the current key: Flink sets another one with each row and timer."""
        self._key = None

    def use(self, key: int) -> None:
        """Switch to a key of the subtask."""
        if key != self._key:
            self._use_key(self._backend, key)
            self._key = key


class ShardState:
    """Keyed state of one shard, in a ``MapState`` from key to bytes.

    Args:
        context: key context of the operator.
        key: Flink key of the shard.
        entries: of the operator.
    """

    __slots__ = ("_context", "_entries", "_key")

    def __init__(self, context: KeyContext, key: int, entries: MapState) -> None:
        self._context = context
        self._key = key
        self._entries = entries

    def get(self, key: str) -> bytes | None:
        """The entry of a key, or None."""
        self._context.use(self._key)
        found: bytes | None = self._entries.get(key)
        return found

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write entries in one call."""
        self._context.use(self._key)
        self._entries.put_all(entries)

    def remove(self, key: str) -> None:
        """Remove an entry."""
        self._context.use(self._key)
        self._entries.remove(key)
