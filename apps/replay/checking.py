"""Check the records of a replay by the job's own readers before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.replay.replaying import ReplayRecord
from udfs.names import Topic
from udfs.records.label import decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction


@dataclass
class Rehearsal:
    """What a replay would send.

    Attributes:
        payments: number of payments.
        labels: number of labels.
        late: payments that are late for the job.
        newest: latest time of a payment or label, epoch milliseconds; None without any.
    """

    payments: int = 0
    labels: int = 0
    late: int = 0
    newest: int | None = None


def job_check(limits: Limits, now_ms: int, speedup: float | None) -> Callable[[ReplayRecord], Refusal | None]:
    """Make the function that gives the job's reason to refuse a record, or None. About 2 us a record.

    Args:
        limits: of the job.
        now_ms: wall clock at the first record, epoch milliseconds.
        speedup: of the replay: the clock goes on until a record is due; None for no pacing.
    """
    origin: int | None = None

    def check(record: ReplayRecord) -> Refusal | None:
        nonlocal origin
        now = now_ms
        if speedup is not None and record.time is not None:
            origin = record.time if origin is None else origin
            now += max(round((record.time - origin) / speedup), 0)
        decode = decode_label if record.topic == Topic.LABELS else decode_transaction
        read = decode(record.value, record.key, now, limits)
        return read if isinstance(read, Refusal) else None

    return check


def rehearse(
    records: Iterable[ReplayRecord], late_before: int | None, report: Callable[[int], None] = lambda _: None
) -> Rehearsal:
    """Count what would be sent.

    Args:
        records: of the replay.
        late_before: payments before this time are late, epoch milliseconds; None if it is unknown.
        report: called with the number of payments so far.
    """
    found = Rehearsal()
    for record in records:
        if record.time is not None:
            found.newest = record.time if found.newest is None else max(found.newest, record.time)
        if record.topic == Topic.LABELS:
            found.labels += 1
            continue
        found.payments += 1
        found.late += late_before is not None and record.time is not None and record.time < late_before
        report(found.payments)
    return found
