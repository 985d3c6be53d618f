"""The reference of stored formats: every name that a savepoint, a consumer or stored state relies on."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from deploy.docs.markdown import code, table
from deploy.docs.words import texts
from udfs import names


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    return {
        "uids": "\n".join(f"- {code(uid.value)}" for uid in names.Uid),
        "states": _names("states", names.StateName),
        "entries": _names("entries", names.ShardEntry),
    }


def _names(section: str, group: type[StrEnum]) -> str:
    shown = {member.value.replace("\0", "\\0"): member for member in group}
    meanings = texts("stored-formats", section, shown)
    return table(("Name", "Holds"), ((code(name), text) for name, text in meanings.items()))
