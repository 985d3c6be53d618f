"""Edit sets of control as documents: single entries are added, changed, switched and removed; the rest stays.

A document is the decoded body of a control record: ``{"version": 3, "rules": [{"id": ...}, ...]}``, and for thresholds
the mapping of their names to scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from udfs.control.record import ControlKind

Document = dict[str, Any]
Entries = dict[str, dict[str, Any]]
_SCORE = "score"
"""Field under which a threshold appears among entries."""


class EditError(Exception):
    """An edit does not fit the set; the message says why."""


@dataclass(frozen=True)
class EntryDifference:
    """One entry that differs between two sets.

    Attributes:
        id: of the entry.
        before: its content; None if it was added.
        after: its content; None if it was removed.
    """

    id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def phrase(self) -> str:
        """Say what differs, in one line."""
        if self.before is None:
            return f"{self.id}: added"
        if self.after is None:
            return f"{self.id}: removed"
        before, after = self.before, self.after
        names = [name for name in {**before, **after} if name != "version" and before.get(name) != after.get(name)]
        return f"{self.id}: " + ", ".join(f"{name} {_shown(before, name)} -> {_shown(after, name)}" for name in names)


def entries_of(kind: ControlKind, document: Document) -> Entries:
    """The entries of a set by id, in order."""
    if kind == "thresholds":
        return {name: {_SCORE: score} for name, score in document.items()}
    return {entry["id"]: entry for entry in document[kind]}


def with_entries(kind: ControlKind, document: Document, entries: Entries) -> Document:
    """The set with other entries; its version rises."""
    if kind == "thresholds":
        return {name: entry[_SCORE] for name, entry in entries.items()}
    return {"version": document["version"] + 1, kind: list(entries.values())}


def merge(kind: ControlKind, document: Document, others: Document) -> Document:
    """Add and change the entries that another set has; an entry that changes gets the next version of its own."""
    entries = entries_of(kind, document)
    for entry_id, entry in entries_of(kind, others).items():
        entries[entry_id] = _next_version(entries.get(entry_id), entry)
    return with_entries(kind, document, entries)


def replace(kind: ControlKind, document: Document, others: Document) -> Document:
    """Put another set in the place of this one; the version is higher than both."""
    if kind == "thresholds":
        return others
    return others | {"version": max(document["version"] + 1, others["version"])}


def change(kind: ControlKind, document: Document, entry_id: str, fields: Mapping[str, Any]) -> Document:
    """Set fields of one entry.

    Raises:
        EditError: there is no such entry.
    """
    entries = entries_of(kind, document)
    _require(kind, entries, [entry_id])
    entries[entry_id] = _next_version(entries[entry_id], {**entries[entry_id], **fields})
    return with_entries(kind, document, entries)


def remove(kind: ControlKind, document: Document, ids: Iterable[str]) -> Document:
    """Remove entries.

    Raises:
        EditError: one does not exist.
    """
    entries, wanted = entries_of(kind, document), list(ids)
    _require(kind, entries, wanted)
    return with_entries(kind, document, {name: entry for name, entry in entries.items() if name not in wanted})


def differences(kind: ControlKind, before: Document, after: Document) -> list[EntryDifference]:
    """List the entries that differ between two sets; the versions of sets and entries are not compared."""
    old, new = entries_of(kind, before), entries_of(kind, after)
    return [
        EntryDifference(name, old.get(name), new.get(name))
        for name in {**old, **new}
        if _without_version(old.get(name)) != _without_version(new.get(name))
    ]


def _require(kind: ControlKind, entries: Entries, ids: Iterable[str]) -> None:
    missing = [entry_id for entry_id in ids if entry_id not in entries]
    if missing:
        raise EditError(f"there is no {', '.join(map(repr, missing))} among the {kind} in force: {', '.join(entries)}")


def _next_version(before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, Any]:
    if before is None or _SCORE in after or _without_version(before) == _without_version(after):
        return after
    version = before.get("version", 1)
    return after if after.get("version", 1) > version else after | {"version": version + 1}


def _without_version(entry: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if entry is None else {name: value for name, value in entry.items() if name != "version"}


def _shown(entry: Mapping[str, Any], name: str) -> str:
    return repr(entry[name]) if name in entry else "absent"
