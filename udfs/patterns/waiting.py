"""What a shard has to come back to without a payment that asks for it: matches to tell, and waits that end by a clock.

A match that no payment completed (an account event did, or that nothing followed) has no decision to stand in: it waits
for the next payment of its entity. A wait for something that must not follow ends when the stage's event time has come
so far, whether or not the entity does anything.
"""

from __future__ import annotations

import msgspec

from udfs.patterns.pattern import Match

ENTITIES = 10_000
"""Users, devices or merchants of a shard that are waited for, of each kind; the ones put longest ago give way."""

_Matches = dict[str, list[tuple[int, Match]]]


class Waiting:
    """Of one shard; times in epoch milliseconds of event time.

    Attributes:
        dropped: matches and waits that gave way to newer ones.
    """

    __slots__ = ("_changed", "_matches", "_packed", "_wakes", "dropped")

    def __init__(self) -> None:
        self._matches: _Matches = {}
        self._wakes: dict[str, int] = {}
        self._changed = False
        self._packed = b""
        self.dropped = 0

    @property
    def holds_matches(self) -> bool:
        """Whether any match waits for a payment."""
        return bool(self._matches)

    def hold(self, entity_id: str, match: Match, until: int) -> None:
        """Keep a match for the entity's next payment, up to a time."""
        self._matches.setdefault(entity_id, []).append((until, match))
        self._changed = True
        if len(self._matches) > ENTITIES:
            del self._matches[next(iter(self._matches))]
            self.dropped += 1

    def take(self, entity_id: str, time: int) -> tuple[Match, ...]:
        """The matches that wait for a payment of that time; they are told now, or it is too late for them."""
        held = self._matches.pop(entity_id, None)
        if held is None:
            return ()
        self._changed = True
        return tuple(match for until, match in held if time <= until)

    def wake(self, entity_id: str, due: int | None) -> None:
        """Come back to an entity when event time has come so far; None for no more."""
        before = self._wakes.pop(entity_id, None)
        if due is not None:
            self._wakes[entity_id] = due
            if len(self._wakes) > ENTITIES:
                del self._wakes[next(iter(self._wakes))]
                self.dropped += 1
        self._changed |= before != due

    def wakes_at(self, entity_id: str) -> int | None:
        """When it is come back to."""
        return self._wakes.get(entity_id)

    def awake(self, watermark: int) -> list[str]:
        """The entities whose time has come, and nothing more of matches that nobody came for."""
        if self._matches:
            late = [entity for entity, held in self._matches.items() if all(until < watermark for until, _ in held)]
            for entity in late:
                del self._matches[entity]
            self._changed |= bool(late)
        return [entity for entity, due in self._wakes.items() if due <= watermark]

    def pack(self) -> bytes:
        """Everything that waits; nothing if nothing ever did."""
        if self._changed:
            self._packed = msgspec.msgpack.encode((self._matches, self._wakes))
            self._changed = False
        return self._packed

    @classmethod
    def of(cls, packed: bytes | None) -> Waiting:
        """What ``pack`` packed, or nothing that waits."""
        waiting = cls()
        if packed is not None:
            waiting._matches, waiting._wakes = msgspec.msgpack.decode(packed, type=tuple[_Matches, dict[str, int]])
            waiting._packed = packed
        return waiting
