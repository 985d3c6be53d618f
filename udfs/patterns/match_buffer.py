"""Buffer the latest events of one key that may be part of a match of a pattern.

The buffer holds events, not partial matches as the NFA of Flink CEP does, for two reasons. A late event is inserted in
order of event time, and every match it completes is found as if it had arrived in time. And the buffer is bounded by
``MAX_BUFFERED_EVENTS``, whereas partial matches multiply: thirty small payments start millions of them.

The buffer of a pattern is stored with msgpack under the pattern's id in the profile's ``progress``:
``[FORMAT, fingerprint, evicted, [event, ...]]``.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from state.kernel.sections import ProfileVersionError
from udfs.patterns.compiled import (
    FLAGS,
    ID,
    MASK,
    MATCH_END,
    PAYMENT,
    REPORTED,
    TIME,
    TIMER_FIRED,
    BufferedEvent,
    CompiledPattern,
)
from udfs.patterns.pattern import Match
from udfs.patterns.search import Budget, find_match, trailing_absence_holds

MAX_BUFFERED_EVENTS = 32
"""Maximum number of buffered events per key and pattern: about 1.5 kB with UUIDs as ids. The oldest are evicted."""

FORMAT = 1
"""Version of the stored form; the first element of an entry."""

Progress = list[Any]


class MatchBuffer:
    """The buffered events of one key and pattern, a view on the profile's progress that modifies it in place.

    Args:
        pattern: pattern whose events are buffered.
        progress: progress of the profile, by pattern id.
        lateness_ms: allowed lateness: events that are later may miss matches.

    Attributes:
        search_truncated: searches that exceeded their budget, since this object was created.

    Raises:
        ProfileVersionError: the stored format is unknown.
    """

    __slots__ = ("_entry", "_events", "_lateness_ms", "_pattern", "search_truncated")

    def __init__(self, pattern: CompiledPattern, progress: MutableMapping[str, Progress], lateness_ms: int) -> None:
        self._pattern = pattern
        self._lateness_ms = lateness_ms
        self.search_truncated = 0
        entry = progress.get(pattern.pattern.id)
        if not _belongs_to(pattern, entry):
            # A changed pattern starts with an empty buffer: events only it matches were never buffered.
            entry = progress[pattern.pattern.id] = [FORMAT, pattern.fingerprint, 0, []]
        self._entry: Progress = entry  # type: ignore[assignment]
        self._events: list[BufferedEvent] = self._entry[3]

    @property
    def evicted(self) -> int:
        """Number of events evicted by newer ones while they could still have been part of a match."""
        return int(self._entry[2])

    def add(self, event: BufferedEvent, watermark: int) -> list[Match]:
        """Add an event and return the matches it completes.

        Args:
            event: event that satisfies at least one step, or any event of the kinds of a strict pattern. An account
                event whose id is already buffered is ignored. Payments are deduplicated by the user stage, and their
                ids are unique per user only.
            watermark: watermark of the stage, epoch ms.

        Returns:
            New matches in order of their last events. No match is returned twice in the lifetime of the key.
        """
        events = self._events
        if event[ID] and not event[FLAGS] & PAYMENT:
            for buffered in events:
                if buffered[ID] == event[ID] and not buffered[FLAGS] & PAYMENT:
                    return []
        position = len(events)
        while position and events[position - 1][TIME] > event[TIME]:
            position -= 1
        events.insert(position, event)
        position -= self._prune_and_evict(watermark)
        if position < 0 or self._pattern.absence_timeout_ms:
            return []
        if position == len(events) - 1 and not event[MASK] & self._pattern.ending:
            return []
        return [self._pattern.match([events[at] for at in positions]) for positions in self._new_matches(position)]

    def _prune_and_evict(self, watermark: int) -> int:
        """Prune events too old to match, evict the oldest beyond the limit, and return the number removed."""
        events = self._events
        oldest = _oldest_needed(self._pattern, self._lateness_ms, events[-1][TIME], watermark)
        if events[0][TIME] >= oldest and len(events) <= MAX_BUFFERED_EVENTS:
            return 0
        pruned = 0
        while pruned < len(events) - 1 and events[pruned][TIME] < oldest:
            pruned += 1
        excess = max(0, len(events) - pruned - MAX_BUFFERED_EVENTS)
        if excess:
            self._entry[2] += excess
        del events[: pruned + excess]
        return pruned + excess

    def _new_matches(self, position: int) -> list[tuple[int, ...]]:
        """Find the unreported matches after an event was inserted at a position.

        Matches that end before the position are unaffected. With ``skip_past_last``, a new match may shift every match
        after it, so all ends from the position on are searched again.
        """
        pattern, events = self._pattern, self._events
        skips = pattern.pattern.after_match == "skip_past_last"
        low = self._past_last_match(position) if skips else 0
        latest = events[position][TIME] + pattern.within_ms
        matches: list[tuple[int, ...]] = []
        budget = Budget()
        for end in range(position, len(events)):
            event = events[end]
            if not event[MASK] & pattern.ending:
                continue
            if not skips and event[TIME] > latest:
                break
            truncated_before = budget.truncated
            positions = find_match(pattern, events, low, end, budget)
            if positions is None:
                if budget.truncated == truncated_before:
                    event[FLAGS] &= ~MATCH_END
                elif skips and event[FLAGS] & MATCH_END:
                    low = end + 1  # the search was inconclusive, so the known match stands
                continue
            if not event[FLAGS] & REPORTED:
                matches.append(positions)
            event[FLAGS] |= MATCH_END | REPORTED
            if skips:
                low = end + 1
        self.search_truncated += budget.truncated
        return matches

    def _past_last_match(self, position: int) -> int:
        for at in range(position - 1, -1, -1):
            if self._events[at][FLAGS] & MATCH_END:
                return at + 1
        return 0

    def next_timer(self) -> int | None:
        """Event time (ms) of the earliest pending timer for the trailing absence; None if there is none."""
        pattern = self._pattern
        times = [event[TIME] for event in self._events if self._has_pending_timer(event)]
        return min(times) + pattern.absence_timeout_ms if times and pattern.absence_timeout_ms else None

    def on_watermark(self, watermark: int) -> list[Match]:
        """Fire the timers before the watermark (ms), and return the matches whose trailing absence holds."""
        pattern, events = self._pattern, self._events
        skips = pattern.pattern.after_match == "skip_past_last"
        matches: list[Match] = []
        for end, event in enumerate(events):
            if not self._has_pending_timer(event) or event[TIME] + pattern.absence_timeout_ms >= watermark:
                continue  # an event at the watermark may still arrive, and would violate the absence
            event[FLAGS] |= TIMER_FIRED
            budget = Budget()
            positions = find_match(pattern, events, self._past_last_match(end) if skips else 0, end, budget)
            self.search_truncated += budget.truncated
            if positions is not None and trailing_absence_holds(pattern, events, positions):
                event[FLAGS] |= MATCH_END | REPORTED
                matches.append(pattern.match([events[at] for at in positions]))
        return matches

    def _has_pending_timer(self, event: BufferedEvent) -> bool:
        return bool(event[MASK] & self._pattern.ending) and not event[FLAGS] & TIMER_FIRED


def in_progress(pattern: CompiledPattern, progress: Mapping[str, Progress]) -> bool:
    """Whether a key has buffered events of a pattern.

    Raises:
        ProfileVersionError: the stored format is unknown.
    """
    entry = progress.get(pattern.pattern.id)
    return _belongs_to(pattern, entry) and bool(entry and entry[3])


def prune(
    progress: MutableMapping[str, Progress],
    patterns: Mapping[str, CompiledPattern],
    lateness_ms: int,
    time: int,
    watermark: int,
) -> None:
    """Remove the buffers of a key from which no match can follow any more.

    Args:
        progress: progress of the key, modified in place.
        patterns: patterns in force, by id.
        lateness_ms: allowed lateness.
        time: time of the key's newest event, epoch ms.
        watermark: watermark of the stage, epoch ms.
    """
    for pattern_id, entry in list(progress.items()):
        pattern = patterns.get(pattern_id)
        if pattern is None or not _belongs_to(pattern, entry) or not entry[3]:
            del progress[pattern_id]
            continue
        if entry[3][-1][TIME] < _oldest_needed(pattern, lateness_ms, time, watermark):
            del progress[pattern_id]


def _oldest_needed(pattern: CompiledPattern, lateness_ms: int, newest: int, watermark: int) -> int:
    """Time (epoch ms) of the oldest event that may share a match with an event that is not too late.

    Measured from the key's newest event, so that pruning does not depend on batch boundaries. A pattern with a trailing
    absence is measured from the watermark, which fires its timers and may be behind the key.
    """
    now = watermark if pattern.absence_timeout_ms else newest
    return now - lateness_ms - pattern.within_ms - pattern.absence_timeout_ms


def _belongs_to(pattern: CompiledPattern, entry: Progress | None) -> bool:
    """Whether a stored entry was written by this pattern in its current form."""
    if not entry:
        return False
    if entry[0] != FORMAT:
        raise ProfileVersionError(
            f"the stored progress of {pattern.pattern.id} has format {entry[0]}, this program reads {FORMAT}: "
            "run the program that wrote it, or a newer one"
        )
    return bool(entry[1] == pattern.fingerprint)
