"""How a stage shows its events to the patterns of its entity, and what becomes of the matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from state.store.keyed_state import KeyedState
from udfs.names import ShardEntry
from udfs.patterns import Entity, EntityPatterns, Match, PatternSet
from udfs.patterns.compiled import TIME, BufferedEvent, CompiledPattern
from udfs.patterns.match_buffer import MatchBuffer, Progress, in_progress, prune
from udfs.patterns.pending_matches import PendingMatches
from udfs.records.account_event import AccountEvent
from udfs.records.times import AsRead
from udfs.records.transaction import Transaction
from udfs.stages.stage_message import Payment

_transactions = msgspec.json.Decoder(Transaction[AsRead])


class RemembersProgress(Protocol):
    """A profile, as far as patterns need it."""

    @property
    def progress(self) -> dict[str, Progress]:
        """Progress by pattern id; may be costly to get at, so it is asked for only when a pattern is touched."""


class Happened(NamedTuple):
    """An account event of a batch; ``before`` counts the payments of the batch that came before it."""

    before: int
    event: AccountEvent


class PatternMatcher:
    """The patterns of a stage; one instance serves all its shards.

    Args:
        entity: whose stage it is.
        lateness_ms: how late an event may come and be matched exactly.

    Attributes:
        given_up: searches that cost too much to be gone through to their end, since the start.
    """

    def __init__(self, entity: Entity, lateness_ms: int) -> None:
        self._entity = entity
        self.lateness_ms = lateness_ms
        self._waiting: dict[int, PendingMatches] = {}
        self._forgotten = 0
        self.search_truncated = 0

    @property
    def evicted(self) -> int:
        """Remembered events, matches and waits that were pushed out by newer ones, since the start."""
        return self._forgotten + sum(waiting.evicted for waiting in self._waiting.values())

    def forget(self, events: int) -> None:
        """Count events that were pushed out."""
        self._forgotten += events

    def shard(
        self,
        shard: int,
        backing: KeyedState,
        open_profile: Callable[[str], RemembersProgress],
        patterns: PatternSet,
        watermark: int,
    ) -> BatchMatcher:
        """What is to be watched of one batch of a shard.

        Args:
            shard: its number.
            backing: its state.
            open_profile: of an entity of the shard.
            patterns: in force.
            watermark: that before the batch, epoch ms.
        """
        waiting = self._waiting.get(shard)
        if waiting is None:
            waiting = self._waiting[shard] = PendingMatches.unpack(backing.get(ShardEntry.PENDING_MATCHES.value))
        return BatchMatcher(self, patterns.of(self._entity), waiting, open_profile, watermark)

    def entries(self, shard: int) -> Iterator[tuple[str, bytes]]:
        """What a shard keeps beside its profiles for this, where it is not what is stored already."""
        waiting = self._waiting.get(shard)
        if waiting is not None and waiting.changed:
            yield ShardEntry.PENDING_MATCHES.value, waiting.pack()


class BatchMatcher:
    """One batch of one shard; ``Watch.shard`` makes it."""

    def __init__(
        self,
        watch: PatternMatcher,
        patterns: EntityPatterns,
        waiting: PendingMatches,
        open_profile: Callable[[str], RemembersProgress],
        watermark: int,
    ) -> None:
        self._watch = watch
        self._patterns = patterns
        self._waiting = waiting
        self._open = open_profile
        self._watermark = watermark
        self._looked_through: object = None

    def observe(
        self,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        features: NDArray[np.float64],
        happened: Iterable[Happened] = (),
    ) -> list[tuple[Match, ...]]:
        """Show a batch to the patterns.

        Args:
            entity_ids: of each payment.
            payments: n of them, transactions or payments, in the order in which they are taken in.
            features: (n, F) of the stage.
            happened: account events of the batch, in that order, too.

        Returns:
            The matches that each payment's decision is to tell: those that it completed, and those that waited for it.
        """
        told: defaultdict[int, list[Match]] = defaultdict(list)
        if self._waiting.has_matches:
            for row, entity_id in enumerate(entity_ids):
                told[row] += self._waiting.pop_matches(entity_id, payments[row].event_time)
        events = iter(happened)
        event = next(events, None)
        for row, pattern, remembered in self._patterns.payment_hits(features, self._carriers(payments)):
            while event is not None and event.before <= row:
                self._happen(event, entity_ids, payments, told)
                event = next(events, None)
            told[row] += self._remember(pattern, entity_ids[row], remembered, payments[row])
        while event is not None:
            self._happen(event, entity_ids, payments, told)
            event = next(events, None)
        return [tuple(told[row]) if row in told else () for row in range(len(payments))]

    def _carriers(self, payments: Sequence[Any]) -> Sequence[Any]:
        """What has the fields that patterns look at: a payment that was handed over has only some of them."""
        if not self._patterns.needs_records or not payments or not isinstance(payments[0], Payment):
            return payments
        return [_whole(payment) for payment in payments]

    def _happen(
        self,
        happened: Happened,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        told: defaultdict[int, list[Match]],
    ) -> None:
        """An account event: a match that it completes is told with the next payment of its user."""
        user_id = happened.event.user_id
        for pattern, remembered in self._patterns.account_event_hits(happened.event):
            for match in self._remember(pattern, user_id, remembered, happened.event):
                until = happened.event.event_time + pattern.hold_ms
                rows = (row for row in range(happened.before, len(payments)) if entity_ids[row] == user_id)
                row = next(rows, None)
                if row is None:
                    self._waiting.add(user_id, match, until)
                elif payments[row].event_time <= until:
                    told[row].append(match)

    def _remember(self, pattern: CompiledPattern, entity_id: str, event: BufferedEvent, record: object) -> list[Match]:
        """Show an event to a pattern that it touches; ``record`` is what it was made of."""
        watch = self._watch
        progress = self._open(entity_id).progress
        # Once for each event, so that what is remembered does not depend on how events are cut into batches.
        if len(progress) > 1 and record is not self._looked_through:
            self._looked_through = record
            prune(progress, self._patterns.by_id, watch.lateness_ms, event[TIME], self._watermark)
        memory = MatchBuffer(pattern, progress, watch.lateness_ms)
        before = memory.evicted
        matches = memory.add(event, self._watermark)
        watch.forget(memory.evicted - before)
        self._count_given_up(pattern, memory)
        if pattern.absence_timeout_ms:
            due, known = memory.next_timer(), self._waiting.timer_of(entity_id)
            if due is not None and (known is None or due < known):
                self._waiting.register_timer(entity_id, due)
        return matches

    def _count_given_up(self, pattern: CompiledPattern, memory: MatchBuffer) -> None:
        if memory.search_truncated:
            self._watch.search_truncated += memory.search_truncated
            self._patterns.search_truncated[pattern.pattern.id] += memory.search_truncated

    def on_watermark(self, watermark: int) -> None:
        """End the waits that are over, at the watermark after the batch; what they come to waits for a payment."""
        patterns = [pattern for pattern in self._patterns.patterns if pattern.absence_timeout_ms]
        for entity_id in self._waiting.due_timers(watermark):
            dues: list[int] = []
            progress = self._open(entity_id).progress
            for pattern in patterns:
                if not in_progress(pattern, progress):
                    continue
                memory = MatchBuffer(pattern, progress, self._watch.lateness_ms)
                for match in memory.on_watermark(watermark):
                    self._waiting.add(entity_id, match, watermark + pattern.hold_ms)
                self._count_given_up(pattern, memory)
                due = memory.next_timer()
                dues += () if due is None else (due,)
            self._waiting.register_timer(entity_id, min(dues, default=None))


def _whole(payment: Payment) -> Any:  # noqa: ANN401 - times are as they came, but for the event time
    """The transaction that a payment is of, with its event time as it was read before."""
    transaction = _transactions.decode(payment.value)
    transaction.event_time = payment.event_time
    return transaction
