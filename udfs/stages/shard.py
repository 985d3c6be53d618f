"""One shard of a stage: everything it keeps in memory, loaded once from its keyed state and written at checkpoints."""

from __future__ import annotations

from typing import Generic, TypeVar

from state.event_time_clock import EventTimeClock
from state.store.changelog import Loggable
from state.store.keyed_state import KeyedState
from state.store.profile_store import ShardProfiles
from udfs.names import ShardEntry
from udfs.patterns.pending_matches import PendingMatches
from udfs.stages.control_in_force import ControlInForce
from udfs.stages.open_windows import OpenWindows

P = TypeVar("P", bound=Loggable)


class Shard(Generic[P]):
    """A fixed slice of a stage's entities; ``Stage.shard`` loads it.

    Batches change it in memory only. ``checkpoint`` writes what its state lacks.

    Args:
        number: of the shard within its stage.
        state: keyed state of this shard.
        profiles: of its entities.
        clock: its event time.
        control: rules, patterns and thresholds in force.

    Attributes:
        pending: pattern matches and timers that wait for a payment or for event time.
        windows: one-minute windows of its merchants that are open; empty in the stages of users and devices.
        last_batch_ms: wall clock of the last batch (epoch ms); None before the first one since the start.
    """

    __slots__ = ("clock", "control", "last_batch_ms", "number", "pending", "profiles", "state", "windows")

    def __init__(
        self,
        number: int,
        state: KeyedState,
        profiles: ShardProfiles[P],
        clock: EventTimeClock,
        control: ControlInForce,
    ) -> None:
        self.number = number
        self.state = state
        self.profiles = profiles
        self.clock = clock
        self.control = control
        self.pending = PendingMatches.unpack(state.get(ShardEntry.PENDING_MATCHES.value))
        self.windows = OpenWindows.of(state.get(ShardEntry.MINUTES.value))
        self.last_batch_ms: int | None = None

    def checkpoint(self, now_ms: int) -> None:
        """Write everything that the state lacks.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        entries = {ShardEntry.CLOCK.value: self.clock.pack(), **dict(self.control.entries(now_ms))}
        if self.pending.changed:
            entries[ShardEntry.PENDING_MATCHES.value] = self.pending.pack()
        if self.windows.used:
            entries[ShardEntry.MINUTES.value] = self.windows.pack()
        self.profiles.checkpoint(entries)
