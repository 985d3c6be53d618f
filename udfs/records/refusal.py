"""A record that is not taken: an expected failure, and so a value."""

from __future__ import annotations

from typing import NamedTuple

from udfs.names import Refused


class Refusal(NamedTuple):
    """Why a record goes to ``dead-letters``.

    Attributes:
        reason: stable code.
        detail: for a person: the field, and what is wrong with it.
    """

    reason: Refused
    detail: str
