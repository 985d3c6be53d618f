"""When each record is to be sent: fixed before the first of them is, so that a slow answer cannot slow the question.

A generator that waits for the system it measures sends less while the system is slow, and never asks about the worst
moments ("coordinated omission"). Here a record that is sent late still counts from the moment it was due.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.records import transaction_id
from apps.simulator.simulator import Simulator
from apps.simulator.writing import SimulatedRecord
from udfs.names import Topic

Send = Callable[[SimulatedRecord], None]
_TICK_S = 0.002
_BLOCK = 1_000


@dataclass(frozen=True)
class Schedule:
    """Records, made and written already, and when each is due.

    Attributes:
        due_s: seconds from the beginning, ascending, (n,).
        records: to be sent then.
    """

    due_s: NDArray[np.float64]
    records: list[SimulatedRecord]


@dataclass(frozen=True)
class Offered:
    """What became of a schedule.

    Attributes:
        begun_ms: epoch milliseconds.
        due_ms: when each transaction was due, epoch milliseconds, by its id.
        late_ms: how late each record was handed to the client, (n,).
        cpu_s: CPU that handing over took.
        took_s: by the wall.
    """

    begun_ms: float
    due_ms: dict[str, float]
    late_ms: NDArray[np.float64]
    cpu_s: float
    took_s: float

    def due_between(self, start_s: float, end_s: float) -> dict[str, float]:
        """Those of ``due_ms`` due from ``start_s`` to before ``end_s``, seconds from the beginning."""
        start, end = self.begun_ms + start_s * 1000, self.begun_ms + end_s * 1000
        return {name: due for name, due in self.due_ms.items() if start <= due < end}


def make_schedule(simulator: Simulator, seconds: float, speedup: float) -> Schedule:
    """What the simulator does next, each record at its event time.

    Args:
        simulator: goes on from where it is.
        seconds: how long.
        speedup: seconds of event time in a second.
    """
    origin = simulator.time
    end = origin + seconds * 1000 * speedup
    records: list[SimulatedRecord] = []
    while simulator.time < end:
        records += simulator.block(_BLOCK)
    due = np.array([record.time - origin for record in records], np.float64) / 1000 / speedup
    return Schedule(np.maximum.accumulate(due), records)


def offer(schedule: Schedule, send: Send, tick: Callable[[], None]) -> Offered:
    """Send every record when it is due, or as soon after that as can be; never wait for anything but the clock.

    Args:
        schedule: what is sent.
        send: takes a record.
        tick: is called every few milliseconds.
    """
    due, records = schedule.due_s.tolist(), schedule.records
    handed = np.zeros(len(due))
    # A full look for cycles among all these records would be a pause of the generator.
    gc.collect()
    gc.freeze()
    begun_ms, begun, cpu = time.time() * 1000, time.monotonic(), time.process_time()
    position = 0
    while position < len(due):
        now = time.monotonic() - begun
        while position < len(due) and due[position] <= now:
            send(records[position])
            handed[position] = time.monotonic() - begun
            position += 1
        tick()
        if position < len(due):
            time.sleep(max(_TICK_S, due[position] - (time.monotonic() - begun)))
    cpu_s, took_s = time.process_time() - cpu, time.monotonic() - begun
    gc.unfreeze()
    due_ms = {
        transaction_id(record.value): begun_ms + moment * 1000
        for record, moment in zip(records, due, strict=True)
        if record.topic == Topic.TRANSACTIONS
    }
    return Offered(begun_ms, due_ms, (handed - schedule.due_s) * 1000, cpu_s, took_s)
