"""What control has put in force in a shard, kept in its state."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from udfs.control import Control, decode_control
from udfs.decision import Bands
from udfs.names import Refused
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet
from udfs.stages.envelope import Envelope


class ShardControl:
    """Rules and bands in force; the records that brought them are kept, since they say it in stable form.

    Args:
        rules: in force while no control record has come.
        bands: likewise.
    """

    def __init__(self, rules: RuleSet, bands: Bands) -> None:
        self.rules = rules
        self.bands = bands
        self._records: dict[str, tuple[int, bytes]] = {}
        self._packed = msgspec.msgpack.encode(self._records)

    def take(self, change: Control, envelope: Envelope) -> Refusal | None:
        """Put a change in force, unless a newer one is. The one in force, sent again, does nothing."""
        value = envelope.value or b""
        version, in_force = self._records.get(change.kind, (0, b""))
        if (change.version, value) == (version, in_force):
            return None
        if change.version <= version:
            detail = f"{change.kind} version {change.version} comes after version {version}: send a higher one"
            return Refusal(Refused.CONTROL_STALE, detail)
        self._records[change.kind] = (change.version, value)
        self._packed = msgspec.msgpack.encode(self._records)
        self._apply(change)
        return None

    def _apply(self, change: Control) -> None:
        if isinstance(change.value, Bands):
            self.bands = change.value
        else:
            self.rules = change.value

    def pack(self) -> bytes:
        """The records in force."""
        return self._packed

    def restore(self, packed: bytes, names: Sequence[str]) -> None:
        """Go on from what ``pack`` gave.

        Raises:
            ControlLostError: a record that was accepted is not understood any more.
        """
        self._records = msgspec.msgpack.decode(packed, type=dict[str, tuple[int, bytes]])
        self._packed = packed
        for kind, (_, value) in self._records.items():
            change = decode_control(value, kind.encode(), names)
            if isinstance(change, Refusal):
                raise ControlLostError(f"control {kind!r} is in force and cannot be read: {change.detail}")
            self._apply(change)


class ControlLostError(Exception):
    """State holds a control record that this version of the program does not understand."""
