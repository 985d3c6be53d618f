"""Flink's keyed state as the stages use it (``state.store.keyed_state.KeyedState``)."""

from __future__ import annotations

from pyflink.datastream.state import MapState


class FlinkKeyedState:
    """Keyed state in a ``MapState`` from key to bytes; the key context of the operator decides the shard."""

    __slots__ = ("get", "put_many", "remove")

    def __init__(self, entries: MapState) -> None:
        self.get = entries.get
        self.put_many = entries.put_all
        self.remove = entries.remove
