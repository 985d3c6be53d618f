"""The state of one shard, as far as those who keep something in it know it."""

from __future__ import annotations

from typing import Protocol


class KeyedState(Protocol):
    """Bytes by key: keyed state in the job, a dict in a test or a backtest."""

    def get(self, key: str) -> bytes | None:
        """What is there, or None."""

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write several at once: one call costs as much as one entry."""

    def remove(self, key: str) -> None:
        """Forget what is there."""
