"""Rules, patterns and thresholds in force in a shard, stored as the control records that carried them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import msgspec

from state.kernel.times import DAY_MS
from udfs.control.record import Control, decode_control
from udfs.decision import Thresholds
from udfs.names import Refused, ShardEntry
from udfs.patterns import PatternSet
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet

_LONG_AGO = -DAY_MS


class ControlInForce:
    """What is in force in one shard, by kind.

    The records themselves are kept, since their form is stable. The arguments are the defaults until a control record
    arrives; a kind without a default is not used by the stage, and its changes are ignored.

    Args:
        rules: default rules.
        thresholds: default thresholds.
        patterns: default patterns.
    """

    def __init__(
        self,
        rules: RuleSet | None = None,
        thresholds: Thresholds | None = None,
        patterns: PatternSet | None = None,
    ) -> None:
        defaults = {"rules": rules, "thresholds": thresholds, "patterns": patterns}
        self._in_force = {kind: value for kind, value in defaults.items() if value is not None}
        self._records: dict[str, tuple[int, bytes]] = {}
        self._packed = b""
        self._written_ms = _LONG_AGO

    @property
    def rules(self) -> RuleSet:
        """The rules in force; ``KeyError`` in a stage without rules."""
        return cast("RuleSet", self._in_force["rules"])

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds in force; ``KeyError`` in a stage without thresholds."""
        return cast("Thresholds", self._in_force["thresholds"])

    @property
    def patterns(self) -> PatternSet:
        """The patterns in force."""
        return cast("PatternSet", self._in_force["patterns"])

    def version(self, kind: str) -> int:
        """Version of the record in force; 0 for the default."""
        return self._records.get(kind, (0, b""))[0]

    def record(self, kind: str) -> bytes | None:
        """The record in force; None for the default."""
        return self._records[kind][1] if kind in self._records else None

    def apply(self, change: Control, value: bytes) -> Refusal | None:
        """Put a change in force, unless a newer version is. Repeating the record in force changes nothing.

        Args:
            change: decoded from the record.
            value: of the record.
        """
        if change.kind not in self._in_force:
            return None
        version, in_force = self._records.get(change.kind, (0, b""))
        if (change.version, value) == (version, in_force):
            return None
        if change.version <= version:
            detail = f"{change.kind} version {change.version} comes after version {version}: send a higher one"
            return Refusal(Refused.CONTROL_STALE, detail)
        # Version 0: a new job, whose topic no longer has what the record was made against.
        if change.base is not None and version and change.base != version:
            detail = (
                f"{change.kind} version {change.version} was made against version {change.base}, and {version} is in "
                "force: look at the difference and send it again"
            )
            return Refusal(Refused.CONTROL_STALE, detail)
        self._records[change.kind] = (change.version, value)
        self._packed = msgspec.msgpack.encode(self._records)
        self._written_ms = _LONG_AGO
        self._in_force[change.kind] = change.value
        return None

    def entries(self, now_ms: int) -> Iterator[tuple[str, bytes]]:
        """State entries to write at a checkpoint: the records in force, when they have changed, and once a day.

        They can be megabytes, and an entry that is not rewritten expires with the time to live of the state.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        if self._packed and now_ms - self._written_ms >= DAY_MS:
            self._written_ms = now_ms
            yield ShardEntry.CONTROL.value, self._packed

    def restore(self, packed: bytes | None, names: Sequence[str]) -> None:
        """Restore from a state entry, unless a newer version of a kind is in force; None changes nothing.

        Args:
            packed: the entry, as ``entries`` gave it.
            names: of the features that rules may use.

        Raises:
            ControlLostError: an accepted record cannot be decoded by this version of the program.
        """
        if packed is None or packed == self._packed:
            return
        for kind, (version, value) in msgspec.msgpack.decode(packed, type=dict[str, tuple[int, bytes]]).items():
            if version <= self._records.get(kind, (0, b""))[0]:
                continue
            change = decode_control(value, kind.encode(), names)
            if isinstance(change, Refusal):
                raise ControlLostError(f"control {kind!r} is in force and cannot be read: {change.detail}")
            self._records[kind] = (version, value)
            self._in_force[kind] = change.value
        self._packed = msgspec.msgpack.encode(self._records)


class ControlLostError(Exception):
    """State holds a control record that this version of the program does not understand."""
