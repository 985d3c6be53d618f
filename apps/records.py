"""The id in a record of a transaction, decision or alert, without reading the rest."""

from __future__ import annotations

import msgspec


class _Identified(msgspec.Struct):
    transaction_id: str


_decoder = msgspec.json.Decoder(_Identified)


def transaction_id(value: bytes) -> str:
    """The ``transaction_id`` of a JSON record that has one."""
    return _decoder.decode(value).transaction_id
