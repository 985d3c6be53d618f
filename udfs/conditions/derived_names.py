"""Names of values that are derived from fields: conditions compare them like any other column.

The grammar makes the names, and ``udfs.vocabulary.derived`` reads the values.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class MetadataUse(StrEnum):
    """How a condition reads a value of metadata: as a text, as a number or flag, or only whether it is there."""

    TEXT = "text"
    NUMBER = "number"
    ANY = "any"


class Prefix(NamedTuple):
    """The first characters of a text; a shorter text is its own prefix."""

    name: str
    length: int

    def __str__(self) -> str:
        return f"{self.name}[:{self.length}]"


class MetadataOf(NamedTuple):
    """A value of a payment's metadata."""

    key: str
    use: MetadataUse

    def __str__(self) -> str:
        return f"metadata.{self.key}:{self.use}"


class OnList(NamedTuple):
    """Whether an entity of a payment is on a list: 1 or 0, never absent."""

    list: str
    entity: str

    def __str__(self) -> str:
        return f"list:{self.list}:{self.entity}"


Derived = Prefix | MetadataOf | OnList

_PREFIX = re.compile(r"(?P<name>.+)\[:(?P<length>\d+)\]", re.DOTALL)


def parse_derived(name: str) -> Derived | None:
    """The derived value that a name stands for; None for the name of a feature or field."""
    found = _PREFIX.fullmatch(name)
    if found is not None:
        return Prefix(found["name"], int(found["length"]))
    kind, _, rest = name.partition(":")
    if kind == "list":
        return OnList(*rest.rsplit(":", 1))
    if name.startswith("metadata."):
        key, _, use = name.removeprefix("metadata.").rpartition(":")
        return MetadataOf(key, MetadataUse(use))
    return None
