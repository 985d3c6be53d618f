"""The base of all stages: options, shards, control records and checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from state.event_time_clock import EventTimeClock
from state.kernel.types import Floats
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore
from udfs.control.approval import why_not_approved
from udfs.control.in_force import ControlInForce
from udfs.control.log import LogEvent, LogRecord
from udfs.control.record import STAGES, decode_control, read_record
from udfs.features.catalogue import FEATURE_NAMES
from udfs.lists.stage_lists import StageLists
from udfs.names import ListedEntity, Refused, ShardEntry
from udfs.patterns import Entity, PatternSet, default_patterns
from udfs.records.refusal import Refusal
from udfs.stages.envelope import Envelope
from udfs.stages.pattern_matching import BatchMatcher, PatternMatcher
from udfs.stages.shard import P, Shard
from udfs.stages.stage_message import Payment, StageMessage, shard_of, with_lists, with_matches


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Options that all stages share.

    Attributes:
        shards: number of shards of the stage.
        lateness_ms: a payment at most this late is decided and matched exactly, milliseconds.
        idle_ms: a source that is silent for so long (wall clock, ms) no longer holds back event time.
        cached_profiles: decoded profiles kept by the stage instance.
        changelog: whether a checkpoint writes changes of profiles instead of whole profiles.
        patterns: in force until a control record changes them.
        approvers: public keys by person; control records need the approval of a second one. None: they need none.
    """

    shards: int
    lateness_ms: int
    idle_ms: int
    cached_profiles: int
    changelog: bool = True
    patterns: PatternSet = field(default_factory=default_patterns)
    approvers: Mapping[str, str] | None = None


class Stage(Generic[P]):
    """A stage instance; it serves all shards of a Flink subtask, and processes batches of all of them at once.

    Args:
        options: of the stage.
        entity: whose profiles and patterns the stage keeps.
        profiles: store of the profiles of all shards (``profile_store``).
        control: in force until a control record arrives.

    Attributes:
        matcher: of the stage's patterns.
        control: rules, patterns and thresholds in force. Every shard stores them, so that any subset of shards can be
            restored; the same control records reach all shards of a stage in the same order.
    """

    def __init__(
        self, options: StageOptions, entity: Entity, profiles: ProfileStore[P], control: ControlInForce
    ) -> None:
        self.matcher = PatternMatcher(entity, options.lateness_ms)
        self.control = control
        self._stage_options = options
        self._entity = entity.value
        self._acknowledgements: list[LogRecord] = []
        self._profiles = profiles
        self._lists = StageLists(ListedEntity(entity.value), options.shards)
        self._shards: dict[int, Shard[P]] = {}

    @property
    def evicted(self) -> int:
        """Buffered events, pending matches and timers that newer ones displaced since the start."""
        return self.matcher.evicted + sum(shard.pending.evicted for shard in self._shards.values())

    def attach(self, number: int, state: KeyedState, lists: KeyedState | None = None) -> None:
        """Load a shard from its state; a stage processes only records of attached shards.

        Args:
            number: of the shard.
            state: keyed state of the shard, which must stay usable.
            lists: keyed state of its list entries, which must not expire; None if they are in ``state``.

        Raises:
            ControlLostError: state holds a control record that cannot be read.
        """
        self._shards[number] = Shard(number, state, self._profiles.shard(number, state), self._clock(state))
        self._lists.attach(number, state if lists is None else lists)
        self.control.restore(state.get(ShardEntry.CONTROL.value), FEATURE_NAMES)

    def has_shard_of(self, entity_id: str) -> bool:
        """Whether the shard of an entity is attached."""
        return shard_of(entity_id, self._stage_options.shards) in self._shards

    def shard_of(self, entity_id: str) -> Shard[P]:
        """The shard of an entity."""
        return self._shards[shard_of(entity_id, self._stage_options.shards)]

    def profile_of(self, entity_id: str) -> P:
        """The profile of an entity, to be read and changed."""
        return self.shard_of(entity_id).profiles.get(entity_id)

    def checkpoint(self, now_ms: int) -> None:
        """Write everything that the states of the shards lack, before Flink takes its snapshot.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        control = dict(self.control.entries(now_ms))
        for shard in self._shards.values():
            shard.checkpoint({**control, **self._entries(shard)})
            self._lists.checkpoint(shard.number, shard.watermark - self._stage_options.lateness_ms)

    def write_profiles(self) -> None:
        """Write the profiles only: for engines that keep state by entity, without a place for the rest."""
        for shard in self._shards.values():
            shard.profiles.checkpoint({})

    def _clock(self, state: KeyedState) -> EventTimeClock:
        """The clock of a shard that is being attached."""
        raise NotImplementedError

    def _entries(self, shard: Shard[P]) -> dict[str, bytes]:
        """Further state entries of a shard, written at each checkpoint."""
        return {}

    def drain_acknowledgements(self) -> list[LogRecord]:
        """Return the records for the control log since the last call."""
        acknowledgements, self._acknowledgements = self._acknowledgements, []
        return acknowledgements

    def _apply_control(self, envelope: Envelope, now_ms: int) -> Refusal | None:
        """Put a control record in force, and acknowledge it if this stage uses its kind; a refusal changes nothing."""
        value = envelope.value or b""
        change = decode_control(value, envelope.key, FEATURE_NAMES)
        if isinstance(change, Refusal):
            return change
        if self.control.holds(change.kind, value):
            return None
        if self._stage_options.approvers is not None:
            detail = why_not_approved(read_record(value), self._stage_options.approvers)
            if detail is not None:
                return Refusal(Refused.CONTROL_UNAPPROVED, detail)
        refusal = self.control.apply(change, value)
        if refusal is None and self._entity in STAGES[change.kind]:
            self._acknowledgements.append(
                LogRecord(
                    at=now_ms,
                    event=LogEvent.ACCEPTED,
                    kind=change.kind,
                    version=change.version,
                    offset=envelope.offset,
                    stage=self._entity,
                    shards=sorted(self._shards),
                    shards_of_stage=self._stage_options.shards,
                )
            )
        return refusal

    def _patterns_of_batch(self) -> PatternSet:
        """The patterns at the watermark before a batch; control that is past the lateness is forgotten.

        One set a batch: matches in progress belong to a set, and a set for each payment would start them again whenever
        payments of both sides of ``valid_from`` alternate.
        """
        watermark = max(shard.watermark for shard in self._shards.values())
        self.control.forget_before(watermark - self._stage_options.lateness_ms)
        return self.control.patterns_at(watermark)

    def _after_batch(self, entity_ids: Iterable[str]) -> None:
        """Count the events of a batch by shard, so that profiles are materialized at the right pace."""
        shards = self._stage_options.shards
        for number, events in Counter([shard_of(entity_id, shards) for entity_id in entity_ids]).items():
            self._shards[number].profiles.after_batch(events)


class DownstreamStage(Stage[P]):
    """A stage that receives stage messages: one clock for all its shards, advanced by the watermarks in messages."""

    def __init__(
        self, options: StageOptions, entity: Entity, profiles: ProfileStore[P], control: ControlInForce
    ) -> None:
        super().__init__(options, entity, profiles, control)
        self.clock = EventTimeClock(0, options.idle_ms)

    def _clock(self, state: KeyedState) -> EventTimeClock:
        self.clock.merge(state.get(ShardEntry.CLOCK.value))
        return self.clock

    def _match(
        self, matcher: BatchMatcher, entity_ids: Sequence[str], payments: Sequence[Payment], features: Floats
    ) -> list[Payment]:
        """Add matches to payments. Those ahead of the wall clock are not matched: they would evict events of others."""
        rows = [row for row, payment in enumerate(payments) if not payment.ahead]
        if len(rows) == len(payments):
            return with_matches(payments, matcher.observe(entity_ids, payments, features))
        found = matcher.observe([entity_ids[row] for row in rows], [payments[row] for row in rows], features[rows])
        matches = dict(zip(rows, found, strict=True))
        return with_matches(payments, [matches.get(row, ()) for row in range(len(payments))])

    def _apply_entries(self, messages: Sequence[StageMessage]) -> None:
        """Apply the entries of lists in messages, before any payment of the batch is looked at."""
        for message in messages:
            for entry in message.entries:
                self._lists.apply(entry)

    def _on_lists(self, entity_ids: Sequence[str], payments: Sequence[Payment]) -> list[Payment]:
        """Add the lists that the entities of payments are on."""
        found = [
            self._lists.of(entity_id, payment.event_time)
            for entity_id, payment in zip(entity_ids, payments, strict=True)
        ]
        return with_lists(payments, found)

    def _advance(self, messages: Sequence[StageMessage], now_ms: int) -> int:
        """Advance the clock by the watermarks of messages; returns the watermark, epoch milliseconds."""
        sources: set[int] = set()
        for message in messages:
            for source, watermark in message.watermarks.items():
                self.clock.observe(source, watermark)
                sources.add(source)
        return self.clock.advance(now_ms, sources)


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
