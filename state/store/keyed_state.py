"""Keyed state of one shard, as the stages use it."""

from __future__ import annotations

from typing import Protocol


class KeyedState(Protocol):
    """Bytes by key: Flink's keyed state in the job, a dict in a backtest or a test."""

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write several entries: one call costs about as much as one entry."""

    def remove(self, key: str) -> None:
        """Remove a key, which may be absent."""
