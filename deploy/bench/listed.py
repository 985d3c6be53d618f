"""Entries of lists for a benchmark: entities that never pay, so that what is measured is the cost for all others."""

from __future__ import annotations

import time
from collections.abc import Iterator

from apps.bench.result import Cell
from deploy.bench.harness import BenchRun, Report
from deploy.clients import lists
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from udfs.lists.record import ListRecord
from udfs.names import ListedEntity, ListName

READ_WITHIN_S = 600.0
_ENTITIES = (ListedEntity.USER, ListedEntity.USER, ListedEntity.DEVICE, ListedEntity.MERCHANT)
_MB = 1e6


def list_entries(run: BenchRun, count: int, report: Report) -> dict[str, Cell]:
    """Send entries to the running job, wait until a checkpoint holds them, and measure that.

    Args:
        run: run whose job is idle.
        count: number of entries: half of them users, a quarter devices, a quarter merchants.
        report: shows progress.

    Returns:
        Figures: time of the import, and duration, size and state of the last checkpoint before and after it.

    Raises:
        OperationError: the job does not read them in time.
    """
    rest = FlinkRest(run.settings.flink.rest_url)
    job = rest.running(run.settings.job.name)
    before, begun = rest.checkpoints(job.id), time.monotonic()
    lists.send(run.settings, _entries(count))
    sent_s = time.monotonic() - begun
    if lists.wait_until_read(run.settings, READ_WITHIN_S) is None:
        raise OperationError(f"the job did not read {count:,} list entries within {READ_WITHIN_S:.0f} s")
    read_s = time.monotonic() - begun
    longest, holding = 0, rest.checkpoints(job.id)
    while (after := rest.checkpoints(job.id)).completed < holding.completed + 2:
        longest = max(longest, after.last_duration_ms or 0)
        time.sleep(1)
    report(f"{count:,} list entries sent in {sent_s:.1f} s, read and checkpointed after {read_s:.1f} s")
    return {
        "listed": count,
        "listed_after_s": read_s,
        "state_mb_before": (before.last_state_bytes or 0) / _MB,
        "state_mb_listed": (after.last_state_bytes or 0) / _MB,
        "checkpoint_ms_before": before.last_duration_ms or 0,
        "checkpoint_ms_importing": max(longest, holding.last_duration_ms or 0),
        "checkpoint_ms_listed": after.last_duration_ms or 0,
    }


def _entries(count: int) -> Iterator[tuple[bytes, bytes]]:
    now_ms = time.time_ns() // 1_000_000
    for number in range(count):
        entity = _ENTITIES[number % len(_ENTITIES)]
        record = ListRecord(
            list=ListName.BLOCK, entity=entity, id=f"listed-{number}", at=now_ms, reason="a benchmark", author="bench"
        )
        yield lists.checked(record)
