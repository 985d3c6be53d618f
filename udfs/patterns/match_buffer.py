"""What is remembered of a sequence that may become a match: the latest events of one key that touch the pattern.

Events and not partial matches, for two reasons. One that comes late is put in its place, and every match that it makes
possible is found as if it had come in time. And there are never more than ``REMEMBERED`` of them, where partial matches
multiply: thirty small payments are the beginning of millions.

The events of a pattern are a list that msgpack carries, under the pattern's id in the profile's ``progress``:
``[FORMAT, fingerprint, forgotten, [event, ...]]``.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from state.kernel.sections import ProfileVersionError
from udfs.patterns.compiled import ENDS, FLAGS, ID, MASK, PAYMENT, REPORTED, SETTLED, TIME, CompiledPattern, Event
from udfs.patterns.pattern import Match
from udfs.patterns.search import Budget, find_match, nothing_followed

MAX_BUFFERED_EVENTS = 32
"""Events of one key and pattern. About 1.5 kB with UUIDs as ids; who sends more within the pattern's time pushes out
the oldest ones only."""

FORMAT = 1
"""Version of the stored form; the first element of an entry."""

Progress = list[Any]


class MatchBuffer:
    """The events of one key and pattern; what it does, it does to the profile's progress.

    Args:
        pattern: of which they are events.
        progress: of the profile, by pattern id.
        lateness_ms: how late an event may come and be matched exactly.

    Attributes:
        given_up: searches that cost too much to be gone through to their end, since it was opened.

    Raises:
        ProfileVersionError: if a later program wrote them.
    """

    __slots__ = ("_entry", "_events", "_lateness_ms", "_pattern", "search_truncated")

    def __init__(self, pattern: CompiledPattern, progress: MutableMapping[str, Progress], lateness_ms: int) -> None:
        self._pattern = pattern
        self._lateness_ms = lateness_ms
        self.search_truncated = 0
        entry = progress.get(pattern.pattern.id)
        if not _is_of(pattern, entry):
            # A pattern that asks for something else has not seen what the old one did not ask for.
            entry = progress[pattern.pattern.id] = [FORMAT, pattern.fingerprint, 0, []]
        self._entry: Progress = entry  # type: ignore[assignment]
        self._events: list[Event] = self._entry[3]

    @property
    def evicted(self) -> int:
        """Events that were pushed out by newer ones while they could still have been part of a match."""
        return int(self._entry[2])

    def observe(self, event: Event, watermark: int) -> list[Match]:
        """Take an event in.

        Args:
            event: with its mask. An account event whose id is remembered already changes nothing; of payments the user
                stage has dropped the repeats, and their ids are unique for one user only.
            watermark: event time of the stage (ms), by which waits end.

        Returns:
            The matches that it made true, by their last events; each is told once in the life of the key.
        """
        events = self._events
        if event[ID] and not event[FLAGS] & PAYMENT:
            for known in events:
                if known[ID] == event[ID] and not known[FLAGS] & PAYMENT:
                    return []
        position = len(events)
        while position and events[position - 1][TIME] > event[TIME]:
            position -= 1
        events.insert(position, event)
        position -= self._evict(watermark)
        if position < 0 or self._pattern.wait_ms:
            return []
        if position == len(events) - 1 and not event[MASK] & self._pattern.ending:
            return []
        return [self._pattern.match([events[at] for at in chosen]) for chosen in self._new_matches(position)]

    def _evict(self, watermark: int) -> int:
        """Let go what no event can need that is not too late, and the oldest of too many; how many went."""
        events = self._events
        oldest = _oldest_needed(self._pattern, self._lateness_ms, events[-1][TIME], watermark)
        if events[0][TIME] >= oldest and len(events) <= MAX_BUFFERED_EVENTS:
            return 0
        gone = 0
        while gone < len(events) - 1 and events[gone][TIME] < oldest:
            gone += 1
        too_many = max(0, len(events) - gone - MAX_BUFFERED_EVENTS)
        if too_many:
            self._entry[2] += too_many
        del events[: gone + too_many]
        return gone + too_many

    def _new_matches(self, position: int) -> list[tuple[int, ...]]:
        """What is a match now and was not told before, where an event was put at a position.

        In front of it nothing changes. Behind it, with ``skip_past_last``, one match that begins earlier may move all
        that follow it.
        """
        pattern, events = self._pattern, self._events
        skips = pattern.pattern.after_match == "skip_past_last"
        low = self._past_last_match(position) if skips else 0
        latest = events[position][TIME] + pattern.within_ms
        found: list[tuple[int, ...]] = []
        budget = Budget()
        for end in range(position, len(events)):
            event = events[end]
            if not event[MASK] & pattern.ending:
                continue
            if not skips and event[TIME] > latest:
                break
            given_up = budget.truncated
            chosen = find_match(pattern, events, low, end, budget)
            if chosen is None:
                if budget.truncated == given_up:
                    event[FLAGS] &= ~ENDS
                elif skips and event[FLAGS] & ENDS:
                    low = end + 1  # as far as is known it ends there still
                continue
            if not event[FLAGS] & REPORTED:
                found.append(chosen)
            event[FLAGS] |= ENDS | REPORTED
            if skips:
                low = end + 1
        self.search_truncated += budget.truncated
        return found

    def _past_last_match(self, position: int) -> int:
        for at in range(position - 1, -1, -1):
            if self._events[at][FLAGS] & ENDS:
                return at + 1
        return 0

    def due(self) -> int | None:
        """When, in event time (ms), the next wait for something that must not follow is over; None if none is on."""
        pattern = self._pattern
        waiting = [event[TIME] for event in self._events if self._waits(event)]
        return min(waiting) + pattern.wait_ms if waiting and pattern.wait_ms else None

    def on_watermark(self, watermark: int) -> list[Match]:
        """The matches that are complete because nothing followed before the watermark (ms); each wait ends once."""
        pattern, events = self._pattern, self._events
        skips = pattern.pattern.after_match == "skip_past_last"
        found: list[Match] = []
        for end, event in enumerate(events):
            if not self._waits(event) or event[TIME] + pattern.wait_ms >= watermark:
                continue  # an event at the watermark may still come, and would be within the wait
            event[FLAGS] |= SETTLED
            budget = Budget()
            chosen = find_match(pattern, events, self._past_last_match(end) if skips else 0, end, budget)
            self.search_truncated += budget.truncated
            if chosen is not None and nothing_followed(pattern, events, chosen):
                event[FLAGS] |= ENDS | REPORTED
                found.append(pattern.match([events[at] for at in chosen]))
        return found

    def _waits(self, event: Event) -> bool:
        return bool(event[MASK] & self._pattern.ending) and not event[FLAGS] & SETTLED


def in_progress(pattern: CompiledPattern, progress: Mapping[str, Progress]) -> bool:
    """Whether any event of a pattern is remembered of a key.

    Raises:
        ProfileVersionError: if a later program wrote them.
    """
    entry = progress.get(pattern.pattern.id)
    return _is_of(pattern, entry) and bool(entry and entry[3])


def prune(
    progress: MutableMapping[str, Progress],
    patterns: Mapping[str, CompiledPattern],
    lateness_ms: int,
    time: int,
    watermark: int,
) -> None:
    """Let go, of all patterns of a key, what no event can need any more: it would be read and stored for nothing.

    Args:
        progress: of the key.
        patterns: in force, by id.
        lateness_ms: how late an event may come.
        time: of the newest event of the key, ms.
        watermark: event time of the stage, ms.
    """
    for name, entry in list(progress.items()):
        pattern = patterns.get(name)
        if pattern is None or not _is_of(pattern, entry) or not entry[3]:
            del progress[name]
            continue
        if entry[3][-1][TIME] < _oldest_needed(pattern, lateness_ms, time, watermark):
            del progress[name]


def _oldest_needed(pattern: CompiledPattern, lateness_ms: int, newest: int, watermark: int) -> int:
    """Time (ms) of the oldest event that one which is not too late can be in a match with.

    By the key's own newest event, so that it does not depend on how events are cut into batches. What is waited for
    ends by the watermark: the key may be ahead of it.
    """
    now = watermark if pattern.wait_ms else newest
    return now - lateness_ms - pattern.within_ms - pattern.wait_ms


def _is_of(pattern: CompiledPattern, entry: Progress | None) -> bool:
    """Whether what is stored is of this very pattern."""
    if not entry:
        return False
    if entry[0] != FORMAT:
        raise ProfileVersionError(
            f"the stored progress of {pattern.pattern.id} has format {entry[0]}, this program reads {FORMAT}: "
            "run the program that wrote it, or a newer one"
        )
    return bool(entry[1] == pattern.fingerprint)
