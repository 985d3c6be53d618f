"""The lists of an entity by definition: all records kept, and looked through for each payment."""

from __future__ import annotations

from collections.abc import Sequence

from udfs.lists import ListEntry


def lists_at(records: Sequence[ListEntry], entity_id: str, event_time: int) -> dict[str, tuple[str, ...]]:
    """The lists that an entity is on at an event time, each with the rules that it silences.

    The last record that holds from then or earlier decides; a tombstone forgets all records before it.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in {record.name for record in records}:
        of_entry = [record for record in records if (record.name, record.id) == (name, entity_id)]
        for record in reversed(of_entry):
            if record.tombstone:
                break
            if record.since <= event_time:
                if not record.removed and event_time < record.until:
                    found[name] = record.rules
                break
    return found
