"""What a shard has to come back to without a payment that asks for it: matches to tell, and waits that end by a clock.

A match that no payment completed (an account event did, or that nothing followed) has no decision to stand in: it waits
for the next payment of its entity. A wait for something that must not follow ends when the stage's event time has come
so far, whether or not the entity does anything.

It is stored as a format number and what msgpack makes of both.
"""

from __future__ import annotations

import msgspec

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from udfs.patterns.pattern import Match

FORMAT = 1
"""Of what is stored; the first byte."""

ENTITIES = 10_000
"""Waits of a shard, each of one entity, and matches of all entities together; the ones put longest ago give way."""

MATCHES = 8
"""Of one entity; the newest stay. A decision that tells eight has been told enough."""

_NEVER = 2**63 - 1

_Matches = dict[str, list[tuple[int, Match]]]
_decoder = msgspec.msgpack.Decoder(tuple[_Matches, dict[str, int]])


class PendingMatches:
    """Of one shard; times in epoch milliseconds of event time.

    Attributes:
        changed: whether anything is other than what ``pack`` said last.
        dropped: matches and waits that gave way to newer ones.
    """

    __slots__ = ("_count", "_due", "_expires", "_matches", "_packed", "_wakes", "changed", "dropped")

    def __init__(self) -> None:
        self._matches: _Matches = {}
        self._wakes: dict[str, int] = {}
        self._count = 0  # of matches
        # No match is over, and no wait either, before these times: both are looked through only when there is cause.
        self._expires = self._due = _NEVER
        self._packed = b""
        self.changed = False
        self.dropped = 0

    @property
    def holds_matches(self) -> bool:
        """Whether any match waits for a payment."""
        return bool(self._matches)

    def hold(self, entity_id: str, match: Match, until: int) -> None:
        """Keep a match for the entity's next payment, up to a time."""
        held = [*self._matches.pop(entity_id, ()), (until, match)]
        self._matches[entity_id] = held[-MATCHES:]
        self._count += 1
        self._drop(len(held) - MATCHES)
        while self._count > ENTITIES:
            self._drop(len(self._matches.pop(next(iter(self._matches)))))
        self._expires = min(self._expires, until)
        self.changed = True

    def _drop(self, matches: int) -> None:
        if matches > 0:
            self._count -= matches
            self.dropped += matches

    def take_matches(self, entity_id: str, time: int) -> tuple[Match, ...]:
        """The matches that wait for a payment of that time; they are told now, or it is too late for them."""
        held = self._matches.pop(entity_id, None)
        if held is None:
            return ()
        self._count -= len(held)
        self.changed = True
        return tuple(match for until, match in held if time <= until)

    def register_timer(self, entity_id: str, due: int | None) -> None:
        """Come back to an entity when event time has gone past a time; None for no more."""
        before = self._wakes.get(entity_id)
        if before == due:
            return
        self.changed = True
        if before is not None:
            del self._wakes[entity_id]
        if due is not None:
            self._wakes[entity_id] = due
            self._due = min(self._due, due)
            if len(self._wakes) > ENTITIES:
                del self._wakes[next(iter(self._wakes))]
                self.dropped += 1

    def timer_of(self, entity_id: str) -> int | None:
        """When it is come back to."""
        return self._wakes.get(entity_id)

    def due_timers(self, watermark: int) -> list[str]:
        """The entities whose time is over, and nothing more of matches that nobody came for.

        An event at the watermark may still come: what is due then is not over yet.
        """
        if self._expires < watermark:
            self._expire(watermark)
        if self._due >= watermark:
            return []
        # Whoever is woken is then given another time, or none.
        self._due = min(self._wakes.values(), default=_NEVER)
        return [entity for entity, due in self._wakes.items() if due < watermark]

    def _expire(self, watermark: int) -> None:
        earliest = _NEVER
        for entity, held in list(self._matches.items()):
            left = [(until, match) for until, match in held if until >= watermark]
            if len(left) < len(held):
                self._count -= len(held) - len(left)
                self.changed = True
                if left:
                    self._matches[entity] = left
                else:
                    del self._matches[entity]
            earliest = min(earliest, *(until for until, _ in left)) if left else earliest
        self._expires = earliest

    def pack(self) -> bytes:
        """Everything that waits; nothing if nothing ever did."""
        if self.changed:
            self._packed = bytes((FORMAT,)) + msgspec.msgpack.encode((self._matches, self._wakes))
            self.changed = False
        return self._packed

    @classmethod
    def of(cls, packed: bytes | None) -> PendingMatches:
        """What ``pack`` packed, or nothing that waits.

        Raises:
            ProfileVersionError: if another version of this program wrote it.
            ProfileDamagedError: if it is not what any wrote.
        """
        waiting = cls()
        if packed is None:
            return waiting
        if not packed:
            raise ProfileDamagedError("no bytes where the stored waits of a shard should be")
        if packed[0] != FORMAT:
            raise ProfileVersionError(
                f"the stored waits of a shard have format {packed[0]}, this program reads {FORMAT}: "
                "run the program that wrote them, or a newer one"
            )
        try:
            waiting._matches, waiting._wakes = _decoder.decode(memoryview(packed)[1:])
        except msgspec.DecodeError as error:
            raise ProfileDamagedError(f"the stored waits of a shard cannot be read: {error}") from None
        waiting._packed = packed
        waiting._count = sum(map(len, waiting._matches.values()))
        waiting._expires = min((until for held in waiting._matches.values() for until, _ in held), default=_NEVER)
        waiting._due = min(waiting._wakes.values(), default=_NEVER)
        return waiting
