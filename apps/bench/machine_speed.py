"""How fast the machine is now, so that runs of different hours can be compared.

A rented machine shares its cores with strangers: the same work took 16 to 37 ms within half an hour on one, with
nothing of ours beside it but an idle stack. Measured at both ends of a run, it says nothing of what was in between.
"""

from __future__ import annotations

import time

TAKEN = 9
ADDITIONS = 150_000
KEYS = 65_537


def fixed_work_ms() -> float:
    """Milliseconds of CPU that a fixed piece of work takes, the median of some; all take a part of a second.

    It is work like a stage's: an interpreter, and a table larger than the innermost caches.
    """
    return sorted(_work_ms() for _ in range(TAKEN))[TAKEN // 2]


def _work_ms() -> float:
    begun = time.process_time()
    sums: dict[int, int] = {}
    for number in range(ADDITIONS):
        key = number * 7_919 % KEYS
        sums[key] = sums.get(key, 0) + number
    return (time.process_time() - begun) * 1000
