"""The base of all stages: options, shards, control records and checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from state.event_time_clock import EventTimeClock
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore
from udfs.control import decode_control
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import ShardEntry
from udfs.patterns import Entity, PatternSet, default_patterns
from udfs.records.refusal import Refusal
from udfs.stages.control_in_force import ControlInForce
from udfs.stages.envelope import Envelope
from udfs.stages.pattern_matching import PatternMatcher
from udfs.stages.shard import P, Shard
from udfs.stages.stage_message import StageMessage


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Options that all stages share.

    Attributes:
        lateness_ms: a payment at most this late is decided and matched exactly, milliseconds.
        idle_ms: a source that is silent for so long (wall clock, ms) no longer holds back event time.
        cached_profiles: decoded profiles kept by the stage instance.
        changelog: whether a checkpoint writes changes of profiles instead of whole profiles.
        patterns: in force until a control record changes them.
    """

    lateness_ms: int
    idle_ms: int
    cached_profiles: int
    changelog: bool = True
    patterns: PatternSet = field(default_factory=default_patterns)


class Stage(Generic[P]):
    """A stage instance; it serves all shards of a Flink subtask.

    Args:
        options: of the stage.
        entity: whose profiles and patterns the stage keeps.
        profiles: store of the profiles of all shards (``profile_store``).
        out_of_orderness_ms: disorder within a source that is not late, milliseconds.

    Attributes:
        matcher: of the stage's patterns.
    """

    def __init__(
        self, options: StageOptions, entity: Entity, profiles: ProfileStore[P], out_of_orderness_ms: int = 0
    ) -> None:
        self.matcher = PatternMatcher(entity, options.lateness_ms)
        self._stage_options = options
        self._out_of_orderness_ms = out_of_orderness_ms
        self._profiles = profiles
        self._shards: dict[int, Shard[P]] = {}

    @property
    def evicted(self) -> int:
        """Buffered events, pending matches and timers that newer ones displaced since the start."""
        return self.matcher.evicted + sum(shard.pending.evicted for shard in self._shards.values())

    def shard(self, number: int, state: KeyedState) -> Shard[P]:
        """The shard of a number, loaded from its state on the first call.

        Args:
            number: of the shard.
            state: keyed state of the shard: at every call the same object, or one that reads and writes the same.
        """
        shard = self._shards.get(number)
        if shard is None:
            shard = self._shards[number] = self._load(number, state)
        return shard

    def checkpoint(self, number: int, state: KeyedState, now_ms: int) -> None:
        """Write everything that the state of a shard lacks, before Flink takes its snapshot.

        Args:
            number: of the shard.
            state: keyed state of the shard.
            now_ms: the wall clock, epoch milliseconds.
        """
        self.shard(number, state).checkpoint(now_ms)

    def write_profiles(self, number: int, state: KeyedState) -> None:
        """Write the profiles of a shard only: for engines that keep state by entity, without a place for the rest."""
        self.shard(number, state).profiles.checkpoint({})

    def _load(self, number: int, state: KeyedState) -> Shard[P]:
        options = self._stage_options
        clock = EventTimeClock.of(state.get(ShardEntry.CLOCK.value), self._out_of_orderness_ms, options.idle_ms)
        control = self._default_control()
        control.restore(state.get(ShardEntry.CONTROL.value), FEATURE_NAMES)
        return Shard(number, state, self._profiles.shard(number, state), clock, control)

    def _default_control(self) -> ControlInForce:
        """What is in force in a shard until a control record arrives."""
        return ControlInForce(patterns=self._stage_options.patterns)

    @staticmethod
    def _apply_control(shard: Shard[P], envelope: Envelope) -> Refusal | None:
        """Put a control record in force in a shard; a refusal changes nothing."""
        change = decode_control(envelope.value, envelope.key, FEATURE_NAMES)
        return change if isinstance(change, Refusal) else shard.control.apply(change, envelope)

    @staticmethod
    def _advance(shard: Shard[P], messages: Sequence[StageMessage], now_ms: int) -> int:
        """Advance the clock of a shard by messages of the stages before; returns its watermark."""
        for message in messages:
            shard.clock.observe(message.source, message.watermark)
        return shard.clock.advance(now_ms, {message.source for message in messages})


K = TypeVar("K", UserProfile, DeviceProfile, MerchantProfile)


def profile_store(kind: type[K], options: StageOptions) -> ProfileStore[K]:
    """The store of a kind of profiles, as the options of a stage ask for it."""
    return ProfileStore(
        partial(kind, options.lateness_ms),
        partial(kind.unpack, lateness=options.lateness_ms),
        kind.pack_all,
        options.cached_profiles,
        kind.drain_changes if options.changelog else None,
    )
