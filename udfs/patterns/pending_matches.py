"""Hold the pending matches of a shard, and its event-time timers.

A match that was completed by an account event or by the absence of an event has no decision to be reported in: it is
pending until the next payment of its entity, or until its deadline. The timer of an entity fires when the watermark
passes it, whether or not the entity has further events.

Both are stored as one byte with the format number, followed by msgpack.
"""

from __future__ import annotations

import msgspec

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from udfs.patterns.pattern import Match

FORMAT = 1
"""Version of the stored form; its first byte."""

MAX_PENDING = 10_000
"""Maximum number of pending matches of a shard, and of timers; the least recently added are evicted."""

MAX_MATCHES_PER_ENTITY = 8
"""Maximum number of pending matches of one entity; the oldest are evicted. A decision needs no more than eight."""

_NEVER = 2**63 - 1

_Matches = dict[str, list[tuple[int, Match]]]
_decoder = msgspec.msgpack.Decoder(tuple[_Matches, dict[str, int]])


class PendingMatches:
    """The pending matches and timers of one shard; all times are event time in epoch milliseconds.

    Attributes:
        changed: whether anything changed since the last ``pack``.
        evicted: matches and timers evicted by newer ones.
    """

    __slots__ = ("_count", "_matches", "_next_deadline", "_next_timer", "_packed", "_timers", "changed", "evicted")

    def __init__(self) -> None:
        self._matches: _Matches = {}
        self._timers: dict[str, int] = {}
        self._count = 0  # of matches
        # Lower bounds of all deadlines and timers, so that a watermark before them costs no scan.
        self._next_deadline = self._next_timer = _NEVER
        self._packed = b""
        self.changed = False
        self.evicted = 0

    @property
    def has_matches(self) -> bool:
        """Whether any match is pending."""
        return bool(self._matches)

    def add(self, entity_id: str, match: Match, deadline: int) -> None:
        """Add a match, to be reported with the entity's next payment up to a deadline."""
        matches = [*self._matches.pop(entity_id, ()), (deadline, match)]
        self._matches[entity_id] = matches[-MAX_MATCHES_PER_ENTITY:]
        self._count += 1
        self._count_evicted(len(matches) - MAX_MATCHES_PER_ENTITY)
        while self._count > MAX_PENDING:
            self._count_evicted(len(self._matches.pop(next(iter(self._matches)))))
        self._next_deadline = min(self._next_deadline, deadline)
        self.changed = True

    def _count_evicted(self, matches: int) -> None:
        if matches > 0:
            self._count -= matches
            self.evicted += matches

    def pop_matches(self, entity_id: str, time: int) -> tuple[Match, ...]:
        """Remove the pending matches of an entity, and return those whose deadline a payment of that time meets."""
        matches = self._matches.pop(entity_id, None)
        if matches is None:
            return ()
        self._count -= len(matches)
        self.changed = True
        return tuple(match for deadline, match in matches if time <= deadline)

    def register_timer(self, entity_id: str, due: int | None) -> None:
        """Set the timer of an entity to an event time; None removes it."""
        before = self._timers.get(entity_id)
        if before == due:
            return
        self.changed = True
        if before is not None:
            del self._timers[entity_id]
        if due is not None:
            self._timers[entity_id] = due
            self._next_timer = min(self._next_timer, due)
            if len(self._timers) > MAX_PENDING:
                del self._timers[next(iter(self._timers))]
                self.evicted += 1

    def timer_of(self, entity_id: str) -> int | None:
        """Event time of the entity's timer; None if it has none."""
        return self._timers.get(entity_id)

    def due_timers(self, watermark: int) -> list[str]:
        """Expire matches whose deadline is before the watermark, and return the entities whose timers are due.

        A timer at the watermark is not due: an event at the watermark may still arrive. The caller sets or removes the
        timer of every entity returned.
        """
        if self._next_deadline < watermark:
            self._expire(watermark)
        if self._next_timer >= watermark:
            return []
        self._next_timer = min(self._timers.values(), default=_NEVER)
        return [entity for entity, due in self._timers.items() if due < watermark]

    def _expire(self, watermark: int) -> None:
        earliest = _NEVER
        for entity, matches in list(self._matches.items()):
            remaining = [(deadline, match) for deadline, match in matches if deadline >= watermark]
            if len(remaining) < len(matches):
                self._count -= len(matches) - len(remaining)
                self.changed = True
                if remaining:
                    self._matches[entity] = remaining
                else:
                    del self._matches[entity]
            earliest = min(earliest, *(deadline for deadline, _ in remaining)) if remaining else earliest
        self._next_deadline = earliest

    def pack(self) -> bytes:
        """Encode the matches and timers; empty if nothing was ever added."""
        if self.changed:
            self._packed = bytes((FORMAT,)) + msgspec.msgpack.encode((self._matches, self._timers))
            self.changed = False
        return self._packed

    @classmethod
    def unpack(cls, packed: bytes | None) -> PendingMatches:
        """Decode the result of ``pack``; None gives an empty object.

        Raises:
            ProfileVersionError: the format is unknown.
            ProfileDamagedError: the bytes cannot be decoded.
        """
        pending = cls()
        if packed is None:
            return pending
        if not packed:
            raise ProfileDamagedError("the stored pending matches of a shard are empty")
        if packed[0] != FORMAT:
            raise ProfileVersionError(
                f"the stored pending matches of a shard have format {packed[0]}, this program reads {FORMAT}: "
                "run the program that wrote them, or a newer one"
            )
        try:
            pending._matches, pending._timers = _decoder.decode(memoryview(packed)[1:])
        except msgspec.DecodeError as error:
            raise ProfileDamagedError(f"the stored pending matches of a shard cannot be decoded: {error}") from None
        pending._packed = packed
        pending._count = sum(map(len, pending._matches.values()))
        deadlines = (deadline for matches in pending._matches.values() for deadline, _ in matches)
        pending._next_deadline = min(deadlines, default=_NEVER)
        pending._next_timer = min(pending._timers.values(), default=_NEVER)
        return pending
