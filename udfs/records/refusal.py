"""Refusal of a record: an expected failure, and so a value and no exception."""

from __future__ import annotations

from typing import NamedTuple

from udfs.names import Refused


class Refusal(NamedTuple):
    """Why a record goes to ``dead-letters``.

    Attributes:
        reason: stable code.
        detail: the field and its fault, for a person.
    """

    reason: Refused
    detail: str
