"""Journals of single profiles, as versions before the changelog wrote them: they are read, and written no more.

A large profile of a merchant or device was written whole once in 64 payments; in between the payments since were, under
a key of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from state.store.changelog import Change, Loggable
from state.store.keyed_state import KeyedState

JOURNAL = "\0journal:"
"""Begins the key of a journal, before the entity's id. A promise to savepoints, like the next one."""
MARK = b"\xff"
"""Begins a profile that a journal may follow, where others have their version, and behind it a number, so that the
journal of an earlier writing is known as such."""
_NUMBER = 4


P = TypeVar("P", bound=Loggable)


def is_journaled(stored: bytes) -> bool:
    """Whether a journal may follow a stored profile."""
    return stored.startswith(MARK)


def read_journaled(entity_id: str, stored: bytes, backing: KeyedState, unpack: Callable[[bytes], P]) -> P:
    """A profile that ``is_journaled``, with the payments of its journal."""
    start = len(MARK) + _NUMBER
    number = stored[len(MARK) : start]
    profile = unpack(stored[start:])
    journal = backing.get(JOURNAL + entity_id)
    if journal is not None and journal.startswith(number):
        profile.replay(Change(journal[_NUMBER:], None))
    return profile
