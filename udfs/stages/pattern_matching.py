"""Pattern matching in a stage: feeds a batch to the patterns of its entity, and assigns matches to payments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from udfs.features.user_block import PositionedAccountEvent
from udfs.patterns import Entity, EntityPatterns, Match, PatternSet
from udfs.patterns.compiled import TIME, BufferedEvent, CompiledPattern
from udfs.patterns.match_buffer import MatchBuffer, Progress, in_progress, prune
from udfs.patterns.pending_matches import PendingMatches


class HasProgress(Protocol):
    """A profile that keeps the progress of patterns."""

    @property
    def progress(self) -> dict[str, Progress]:
        """Progress by pattern id; decoding it is costly, so it is read only when an event touches a pattern."""


class MatchShard(Protocol):
    """A shard as pattern matching sees it."""

    @property
    def pending(self) -> PendingMatches:
        """Matches and timers that wait."""

    @property
    def watermark(self) -> int:
        """Event time, epoch milliseconds."""

    def profile(self, entity_id: str) -> HasProgress:
        """The profile of an entity."""


class PatternMatcher:
    """Matches the patterns of one entity; one instance serves all shards of a stage.

    Args:
        entity: of the stage.
        lateness_ms: an event at most this late is matched exactly, milliseconds.

    Attributes:
        evicted: buffered events that newer ones displaced since the start.
        search_truncated: searches that were cut off at their budget since the start.
    """

    def __init__(self, entity: Entity, lateness_ms: int) -> None:
        self.entity = entity
        self.lateness_ms = lateness_ms
        self.evicted = 0
        self.search_truncated = 0

    def batch(
        self, patterns: PatternSet, shards: Collection[MatchShard], shard_of: Callable[[str], MatchShard]
    ) -> BatchMatcher:
        """Begin a batch, before event time advances.

        Args:
            patterns: in force.
            shards: all shards of the stage instance.
            shard_of: gives the shard of an entity.
        """
        return BatchMatcher(self, patterns.of(self.entity), shards, shard_of)


class BatchMatcher:
    """Matches one batch; ``PatternMatcher.batch`` makes it."""

    def __init__(
        self,
        matcher: PatternMatcher,
        patterns: EntityPatterns,
        shards: Collection[MatchShard],
        shard_of: Callable[[str], MatchShard],
    ) -> None:
        self._matcher = matcher
        self._patterns = patterns
        self._shards = shards
        self._shard_of = shard_of
        self._pruned_for: object = None

    def observe(
        self,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        features: NDArray[np.float64],
        account_events: Iterable[PositionedAccountEvent] = (),
    ) -> list[tuple[Match, ...]]:
        """Feed a batch to the patterns.

        Args:
            entity_ids: of the payments, (n,).
            payments: n transactions or payments, in order of processing.
            features: of the payments, (n, F) of the stage.
            account_events: of the batch, in order of processing.

        Returns:
            Matches to report with each payment: those that it completed, and pending matches of its entity.
        """
        matches: defaultdict[int, list[Match]] = defaultdict(list)
        if any(shard.pending.has_matches for shard in self._shards):
            for row, entity_id in enumerate(entity_ids):
                pending = self._shard_of(entity_id).pending
                matches[row] += pending.pop_matches(entity_id, payments[row].event_time)
        events = iter(account_events)
        event = next(events, None)
        for row, pattern, buffered in self._patterns.payment_hits(features, payments):
            while event is not None and event.row <= row:
                self._observe_account_event(event, entity_ids, payments, matches)
                event = next(events, None)
            matches[row] += self._advance(pattern, entity_ids[row], buffered, payments[row])
        while event is not None:
            self._observe_account_event(event, entity_ids, payments, matches)
            event = next(events, None)
        return [tuple(matches[row]) if row in matches else () for row in range(len(payments))]

    def _observe_account_event(
        self,
        positioned: PositionedAccountEvent,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        matches: defaultdict[int, list[Match]],
    ) -> None:
        """Feed an account event; a match that it completes is reported with the next payment of its user."""
        user_id = positioned.event.user_id
        for pattern, buffered in self._patterns.account_event_hits(positioned.event):
            for match in self._advance(pattern, user_id, buffered, positioned.event):
                until = positioned.event.event_time + pattern.hold_ms
                rows = (row for row in range(positioned.row, len(payments)) if entity_ids[row] == user_id)
                row = next(rows, None)
                if row is None:
                    self._shard_of(user_id).pending.add(user_id, match, until)
                elif payments[row].event_time <= until:
                    matches[row].append(match)

    def _advance(self, pattern: CompiledPattern, entity_id: str, event: BufferedEvent, record: object) -> list[Match]:
        """Advance a pattern by an event that touches it; ``record`` is the record that the event was made of."""
        matcher, shard = self._matcher, self._shard_of(entity_id)
        progress, watermark = shard.profile(entity_id).progress, shard.watermark
        # Once for each event, so that eviction does not depend on how events are cut into batches.
        if len(progress) > 1 and record is not self._pruned_for:
            self._pruned_for = record
            prune(progress, self._patterns.by_id, matcher.lateness_ms, event[TIME], watermark)
        buffer = MatchBuffer(pattern, progress, matcher.lateness_ms)
        before = buffer.evicted
        matches = buffer.add(event, watermark)
        matcher.evicted += buffer.evicted - before
        self._count_truncated(pattern, buffer)
        if pattern.absence_timeout_ms:
            due, registered = buffer.next_timer(), shard.pending.timer_of(entity_id)
            if due is not None and (registered is None or due < registered):
                shard.pending.register_timer(entity_id, due)
        return matches

    def _count_truncated(self, pattern: CompiledPattern, buffer: MatchBuffer) -> None:
        if buffer.search_truncated:
            self._matcher.search_truncated += buffer.search_truncated
            self._patterns.search_truncated[pattern.pattern.id] += buffer.search_truncated

    def on_watermark(self) -> None:
        """Fire the timers that are due at the watermarks after the batch; their matches become pending."""
        for shard in self._shards:
            for entity_id in shard.pending.due_timers(shard.watermark):
                self._fire(shard, entity_id)

    def _fire(self, shard: MatchShard, entity_id: str) -> None:
        deadlines: list[int] = []
        progress, watermark = shard.profile(entity_id).progress, shard.watermark
        for pattern in self._patterns.patterns:
            if not pattern.absence_timeout_ms or not in_progress(pattern, progress):
                continue
            buffer = MatchBuffer(pattern, progress, self._matcher.lateness_ms)
            for match in buffer.on_watermark(watermark):
                shard.pending.add(entity_id, match, watermark + pattern.hold_ms)
            self._count_truncated(pattern, buffer)
            due = buffer.next_timer()
            deadlines += () if due is None else (due,)
        shard.pending.register_timer(entity_id, min(deadlines, default=None))
