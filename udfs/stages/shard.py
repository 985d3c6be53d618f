"""One shard of a stage: what it keeps in memory, loaded once from its keyed state and written at checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from state.event_time_clock import EventTimeClock
from state.store.changelog import Loggable
from state.store.keyed_state import KeyedState
from state.store.profile_store import ShardProfiles
from udfs.names import ShardEntry
from udfs.patterns.pending_matches import PendingMatches

P = TypeVar("P", bound=Loggable)


class Shard(Generic[P]):
    """A fixed slice of a stage's entities; ``Stage.attach`` loads it.

    Batches change it in memory only. ``checkpoint`` writes what its state lacks.

    Args:
        number: of the shard within its stage.
        state: keyed state of the shard.
        profiles: of its entities.
        clock: event time of the shard, or of the whole stage instance.

    Attributes:
        pending: pattern matches and timers that wait for a payment or for event time.
    """

    __slots__ = ("clock", "number", "pending", "profiles", "state")

    def __init__(self, number: int, state: KeyedState, profiles: ShardProfiles[P], clock: EventTimeClock) -> None:
        self.number = number
        self.state = state
        self.profiles = profiles
        self.clock = clock
        self.pending = PendingMatches.unpack(state.get(ShardEntry.PENDING_MATCHES.value))

    @property
    def watermark(self) -> int:
        """Event time of the shard, epoch milliseconds."""
        return self.clock.watermark

    def profile(self, entity_id: str) -> P:
        """The profile of an entity of the shard."""
        return self.profiles.get(entity_id)

    def checkpoint(self, entries: Mapping[str, bytes]) -> None:
        """Write everything that the state lacks, and entries of the stage instance."""
        entries = {ShardEntry.CLOCK.value: self.clock.pack(), **entries}
        if self.pending.changed:
            entries[ShardEntry.PENDING_MATCHES.value] = self.pending.pack()
        self.profiles.checkpoint(entries)
