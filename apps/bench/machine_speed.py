"""Yardstick for the speed of the machine, so that runs at different times can be compared.

A rented machine shares its cores with other tenants, and its speed can change by a factor of two within an hour. The
yardstick is measured at both ends of a run; it does not show changes during the run.
"""

from __future__ import annotations

import time

REPETITIONS = 9
ADDITIONS = 150_000
KEYS = 65_537


def fixed_work_ms() -> float:
    """Measure the CPU time of a fixed piece of work, milliseconds; the median of several repetitions.

    The work resembles a stage's: interpreted Python, and a table larger than the inner caches. All repetitions together
    take less than a second.
    """
    return sorted(_work_ms() for _ in range(REPETITIONS))[REPETITIONS // 2]


def _work_ms() -> float:
    begun = time.process_time()
    sums: dict[int, int] = {}
    for number in range(ADDITIONS):
        key = number * 7_919 % KEYS
        sums[key] = sums.get(key, 0) + number
    return (time.process_time() - begun) * 1000
