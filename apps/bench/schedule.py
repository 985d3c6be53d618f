"""Open-loop load: when each record is due is fixed before the first is sent, so that a slow system is not spared.

A generator that waits for the system under test sends less while the system is slow, and so misses the worst moments
(coordinated omission). Here the latency of a record that is sent late still counts from when it was due.
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
    """Encoded records, and when each is due.

    Attributes:
        due_s: seconds from the beginning, ascending, (n,).
        records: record due at each of these times.
    """

    due_s: NDArray[np.float64]
    records: list[SimulatedRecord]


@dataclass(frozen=True)
class OfferedLoad:
    """Record of a schedule that was sent.

    Attributes:
        begun_ms: beginning of the schedule, epoch milliseconds.
        due_ms: when each transaction was due, epoch milliseconds, by transaction id.
        late_ms: how late each record was given to the Kafka client, (n,).
        cpu_s: CPU time that this process used meanwhile, seconds.
        took_s: wall time, seconds.
    """

    begun_ms: float
    due_ms: dict[str, float]
    late_ms: NDArray[np.float64]
    cpu_s: float
    took_s: float

    def due_between(self, start_s: float, end_s: float) -> dict[str, float]:
        """Select from ``due_ms`` what was due from ``start_s`` to before ``end_s``, seconds from the beginning."""
        start, end = self.begun_ms + start_s * 1000, self.begun_ms + end_s * 1000
        return {name: due for name, due in self.due_ms.items() if start <= due < end}


def make_schedule(simulator: Simulator, seconds: float, speedup: float) -> Schedule:
    """Schedule the simulator's next records, each due at its event time.

    Args:
        simulator: continues from its current event time.
        seconds: length of the schedule.
        speedup: seconds of event time in a second.
    """
    origin = simulator.time
    end = origin + seconds * 1000 * speedup
    records: list[SimulatedRecord] = []
    while simulator.time < end:
        records += simulator.block(_BLOCK)
    due = np.array([record.time - origin for record in records], np.float64) / 1000 / speedup
    return Schedule(np.maximum.accumulate(due), records)


def send_on_schedule(schedule: Schedule, send: Send, tick: Callable[[], None]) -> OfferedLoad:
    """Send every record when it is due, or as soon as possible afterwards; wait only for the clock.

    Args:
        schedule: records to send.
        send: gives a record to the Kafka client.
        tick: called every few milliseconds, to serve the client's callbacks.
    """
    due, records = schedule.due_s.tolist(), schedule.records
    sent_s = np.zeros(len(due))
    # A full collection over all these records would pause the generator.
    gc.collect()
    gc.freeze()
    begun_ms, begun, cpu = time.time() * 1000, time.monotonic(), time.process_time()
    position = 0
    while position < len(due):
        now = time.monotonic() - begun
        while position < len(due) and due[position] <= now:
            send(records[position])
            sent_s[position] = time.monotonic() - begun
            position += 1
        tick()
        if position < len(due):
            time.sleep(max(_TICK_S, due[position] - (time.monotonic() - begun)))
    cpu_s, took_s = time.process_time() - cpu, time.monotonic() - begun
    gc.unfreeze()
    due_ms = {
        transaction_id(record.value): begun_ms + at * 1000
        for record, at in zip(records, due, strict=True)
        if record.topic == Topic.TRANSACTIONS
    }
    return OfferedLoad(begun_ms, due_ms, (sent_s - schedule.due_s) * 1000, cpu_s, took_s)
