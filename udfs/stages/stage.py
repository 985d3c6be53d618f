"""What all stages have in common: shards whose profiles, clock, control and waits are kept in state."""

from __future__ import annotations

from typing import Generic, TypeVar

from state.store.changelog import Loggable
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore, ShardProfiles
from udfs.names import ShardEntry
from udfs.stages.clocks import ShardClocks
from udfs.stages.control_state import ShardControls
from udfs.stages.pattern_matching import PatternMatcher

P = TypeVar("P", bound=Loggable)


class Stage(Generic[P]):
    """What a stage keeps; batches only change it in memory, and a checkpoint writes it.

    Args:
        profiles: of all shards.
        clocks: likewise.
        controls: likewise.
        watch: the stage's patterns.

    Attributes:
        watch: its patterns, which count what they had to let go.
    """

    def __init__(
        self, profiles: ProfileStore[P], clocks: ShardClocks, controls: ShardControls, watch: PatternMatcher
    ) -> None:
        self._profiles = profiles
        self._shards: dict[int, ShardProfiles[P]] = {}
        self._clocks = clocks
        self._controls = controls
        self.watch = watch

    def checkpoint(self, shard: int, backing: KeyedState, now_ms: int) -> None:
        """Write what the state of a shard lacks; a checkpoint then holds all that was taken in.

        Args:
            shard: its number.
            backing: its state.
            now_ms: the wall clock, epoch milliseconds.
        """
        beside = {
            ShardEntry.CLOCK.value: self._clocks.of(shard, backing).pack(),
            **dict(self._controls.of(shard, backing).entries(now_ms)),
            **dict(self.watch.entries(shard)),
            **self._kept_beside(shard, backing),
        }
        self._profiles_of(shard, backing).checkpoint(beside)

    def write_profiles(self, shard: int, backing: KeyedState) -> None:
        """Write the profiles alone: for engines that have no place for what a shard keeps beside them.

        Args:
            shard: its number.
            backing: its state.
        """
        self._profiles_of(shard, backing).checkpoint({})

    def _profiles_of(self, shard: int, backing: KeyedState) -> ShardProfiles[P]:
        profiles = self._shards.get(shard)
        if profiles is None:
            profiles = self._shards[shard] = self._profiles.shard(shard, backing)
        return profiles

    def _kept_beside(self, shard: int, backing: KeyedState) -> dict[str, bytes]:
        """What a shard of this stage alone keeps, to be written with every checkpoint."""
        return {}
