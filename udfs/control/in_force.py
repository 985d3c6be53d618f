"""Rules, patterns and thresholds in force in a stage instance, stored as the control records that carried them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from state.kernel.times import DAY_MS
from udfs.control.record import Control, decode_control
from udfs.control.timeline import Held, Timeline
from udfs.decision import Thresholds
from udfs.names import Refused, ShardEntry
from udfs.patterns import PatternSet
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet

_LONG_AGO = -DAY_MS
_SEPARATOR = "/"


class ControlInForce:
    """What is in force in one stage instance, by kind and event time.

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
        self._timelines: dict[str, Timeline[Any]] = {
            kind: Timeline(value) for kind, value in defaults.items() if value is not None
        }
        self._packed = b""
        self._written_ms = _LONG_AGO

    @property
    def rules(self) -> RuleSet:
        """The newest rules; ``KeyError`` in a stage without rules."""
        return cast("RuleSet", self._timelines["rules"].newest.value)

    @property
    def thresholds(self) -> Thresholds:
        """The newest thresholds; ``KeyError`` in a stage without thresholds."""
        return cast("Thresholds", self._timelines["thresholds"].newest.value)

    @property
    def patterns(self) -> PatternSet:
        """The newest patterns."""
        return cast("PatternSet", self._timelines["patterns"].newest.value)

    def rules_at(self, event_time: int) -> RuleSet:
        """The rules at an event time, epoch milliseconds."""
        return cast("RuleSet", self._timelines["rules"].at(event_time).value)

    def thresholds_at(self, event_time: int) -> Held[Thresholds]:
        """The thresholds at an event time, epoch milliseconds, with their version."""
        return cast("Held[Thresholds]", self._timelines["thresholds"].at(event_time))

    def patterns_at(self, event_time: int) -> PatternSet:
        """The patterns at an event time, epoch milliseconds."""
        return cast("PatternSet", self._timelines["patterns"].at(event_time).value)

    def spans(self, event_times: Sequence[int]) -> Iterator[slice]:
        """Cut a batch where other rules or thresholds begin to hold.

        Args:
            event_times: of the payments, epoch milliseconds, rising.

        Yields:
            Slices of the batch, in order, none of them empty.
        """
        changes = {time for kind in ("rules", "thresholds") for time in self._timelines[kind].times}
        start = 0
        for time in sorted(changes):
            end = bisect_left(event_times, time)
            if end > start:
                yield slice(start, end)
                start = end
        if start < len(event_times):
            yield slice(start, len(event_times))

    def version(self, kind: str) -> int:
        """The newest version; 0 for the default."""
        return self._timelines[kind].newest.version if kind in self._timelines else 0

    def record(self, kind: str) -> bytes | None:
        """The newest record; None for the default."""
        return (self._timelines[kind].newest.record or None) if kind in self._timelines else None

    def holds(self, kind: str, value: bytes) -> bool:
        """Whether a record is among those kept."""
        return kind in self._timelines and any(held.record == value for held in self._timelines[kind].records)

    def apply(self, change: Control, value: bytes) -> Refusal | None:
        """Keep a change, to hold from its event time on, unless a newer version is known. Repeating one is nothing.

        Args:
            change: decoded from the record.
            value: of the record.
        """
        if change.kind not in self._timelines or self.holds(change.kind, value):
            return None
        version = self.version(change.kind)
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
        self._timelines[change.kind].add(Held(change.version, change.valid_from, change.value, value))
        self._pack()
        self._written_ms = _LONG_AGO
        return None

    def forget_before(self, event_time: int) -> None:
        """Forget what holds for no payment from an event time (epoch ms) on: the watermark less the lateness."""
        changed = [timeline.forget_before(event_time) for timeline in self._timelines.values()]
        if any(changed):
            self._pack()
            self._written_ms = _LONG_AGO

    def entries(self, now_ms: int) -> Iterator[tuple[str, bytes]]:
        """State entries to write at a checkpoint: the records kept, when they have changed, and once a day.

        They can be megabytes, and an entry that is not rewritten expires with the time to live of the state.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        if self._packed and now_ms - self._written_ms >= DAY_MS:
            self._written_ms = now_ms
            yield ShardEntry.CONTROL.value, self._packed

    def restore(self, packed: bytes | None, names: Sequence[str]) -> None:
        """Add the records of a state entry; None adds nothing.

        Args:
            packed: the entry, as ``entries`` gave it.
            names: of the features that rules may use.

        Raises:
            ControlLostError: an accepted record cannot be decoded by this version of the program.
        """
        if packed is None or packed == self._packed:
            return
        for name, (version, value) in msgspec.msgpack.decode(packed, type=dict[str, tuple[int, bytes]]).items():
            kind = name.partition(_SEPARATOR)[0]
            if kind not in self._timelines:
                continue
            change = decode_control(value, kind.encode(), names)
            if isinstance(change, Refusal):
                raise ControlLostError(f"control {kind!r} is in force and cannot be read: {change.detail}")
            self._timelines[kind].add(Held(version, change.valid_from, change.value, value))
        self._pack()

    def _pack(self) -> None:
        records = {
            f"{kind}{_SEPARATOR}{held.version}": (held.version, held.record)
            for kind, timeline in self._timelines.items()
            for held in timeline.records
        }
        self._packed = msgspec.msgpack.encode(records)


class ControlLostError(Exception):
    """State holds a control record that this version of the program does not understand."""
