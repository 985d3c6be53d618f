"""What control has put in force in a shard, kept in its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec

from state.kernel.times import DAY_MS
from state.store.keyed_state import KeyedState
from udfs.control import Control, decode_control
from udfs.decision import Thresholds
from udfs.names import Refused, ShardEntry
from udfs.patterns import PatternSet
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet
from udfs.stages.envelope import Envelope

_LONG_AGO = -DAY_MS


class ShardControl:
    """What is in force; the records that brought it are kept, since they say it in stable form.

    A stage gives what is in force while no control record has come. Of what it does not give, it takes no changes.

    Args:
        rules: in force at first.
        bands: likewise.
        patterns: likewise.
    """

    def __init__(
        self, rules: RuleSet | None = None, bands: Thresholds | None = None, patterns: PatternSet | None = None
    ) -> None:
        given = {"rules": rules, "thresholds": bands, "patterns": patterns}
        self._in_force = {kind: value for kind, value in given.items() if value is not None}
        self._records: dict[str, tuple[int, bytes]] = {}
        self._packed = b""
        self._written_ms = _LONG_AGO

    @property
    def rules(self) -> RuleSet:
        """In force; ``KeyError`` in a stage that has none."""
        return cast("RuleSet", self._in_force["rules"])

    @property
    def bands(self) -> Thresholds:
        """Likewise."""
        return cast("Thresholds", self._in_force["thresholds"])

    @property
    def patterns(self) -> PatternSet:
        """Likewise."""
        return cast("PatternSet", self._in_force["patterns"])

    def take(self, change: Control, envelope: Envelope) -> Refusal | None:
        """Put a change in force, unless a newer one is. The one in force, sent again, does nothing."""
        if change.kind not in self._in_force:
            return None
        value = envelope.value or b""
        version, in_force = self._records.get(change.kind, (0, b""))
        if (change.version, value) == (version, in_force):
            return None
        if change.version <= version:
            detail = f"{change.kind} version {change.version} comes after version {version}: send a higher one"
            return Refusal(Refused.CONTROL_STALE, detail)
        self._records[change.kind] = (change.version, value)
        self._packed = msgspec.msgpack.encode(self._records)
        self._written_ms = _LONG_AGO
        self._in_force[change.kind] = change.value
        return None

    def entries(self, now_ms: int) -> Iterator[tuple[str, bytes]]:
        """What the shard is to write for this: the records in force, when they have changed, and once a day.

        They may be megabytes, and what is not written for long is forgotten.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        if self._packed and now_ms - self._written_ms >= DAY_MS:
            self._written_ms = now_ms
            yield ShardEntry.CONTROL.value, self._packed

    def restore(self, packed: bytes, names: Sequence[str]) -> None:
        """Go on from what ``entries`` gave.

        Raises:
            ControlLostError: a record that was accepted is not understood any more.
        """
        self._records = msgspec.msgpack.decode(packed, type=dict[str, tuple[int, bytes]])
        self._packed = packed
        for kind, (_, value) in self._records.items():
            change = decode_control(value, kind.encode(), names)
            if isinstance(change, Refusal):
                raise ControlLostError(f"control {kind!r} is in force and cannot be read: {change.detail}")
            self._in_force[kind] = change.value


class ControlLostError(Exception):
    """State holds a control record that this version of the program does not understand."""


class ShardControls:
    """What is in force in each shard of a stage, read from its state when it first comes.

    Args:
        names: of the features that rules may use.
        empty: makes what is in force where no control record has come.
    """

    def __init__(self, names: Sequence[str], empty: Callable[[], ShardControl]) -> None:
        self._names = names
        self._empty = empty
        self._controls: dict[int, ShardControl] = {}

    def of(self, shard: int, backing: KeyedState) -> ShardControl:
        """What is in force in a shard."""
        control = self._controls.get(shard)
        if control is None:
            control = self._empty()
            packed = backing.get(ShardEntry.CONTROL.value)
            if packed is not None:
                control.restore(packed, self._names)
            self._controls[shard] = control
        return control

    def change(self, shard: int, envelope: Envelope, backing: KeyedState) -> Refusal | None:
        """Take a control record in, or say why not."""
        change = decode_control(envelope.value, envelope.key, self._names)
        return change if isinstance(change, Refusal) else self.of(shard, backing).take(change, envelope)
