"""Records of the topic ``lists``: what a test does not say is ordinary."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.pipeline.sent import at
from udfs.lists import entry_key
from udfs.names import Kind
from udfs.stages.envelope import Envelope, encode_envelope

_offsets = itertools.count(1)
"""An instance reads a record of a shared entity once, by its offset."""


def entry_value(name: str, entity: str, entity_id: str, minute: float = 0.0, **fields: Any) -> dict[str, Any]:
    """The value of a record, which holds from that minute after noon on."""
    return {
        "list": name,
        "entity": entity,
        "id": entity_id,
        "at": at(minute),
        "reason": "a test",
        "author": "ann",
    } | fields


def list_record(key: bytes | None, value: bytes | None) -> bytes:
    """The envelope of a record."""
    return encode_envelope(Envelope(Kind.LIST_ENTRY, 0, next(_offsets), key, value))


def listed(name: str, entity: str, entity_id: str, minute: float = 0.0, **fields: Any) -> bytes:
    """The envelope of a record of an entry."""
    value = entry_value(name, entity, entity_id, minute, **fields)
    return list_record(entry_key(entity, name, entity_id), json.dumps(value).encode())
