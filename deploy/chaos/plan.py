"""Plan the experiments of a campaign."""

from __future__ import annotations

import random
from collections.abc import Sequence

from deploy.chaos.fault import Fault

MAX_COMBINED = 3


def plan_experiments(faults: Sequence[Fault], seed: int, mixed: int) -> list[list[Fault]]:
    """Plan a baseline, each fault alone, and combinations before the faults of the last phase.

    Args:
        faults: in the order of their phases.
        seed: chooses the combinations.
        mixed: number of combinations, of two or three faults each.

    Returns:
        The faults of each experiment; the baseline has none.
    """
    rng, combinable = random.Random(seed), [fault for fault in faults if fault.phase == "any"]
    most = min(MAX_COMBINED, len(combinable))
    combined = [rng.sample(combinable, rng.randint(2, most)) for _ in range(mixed)] if most > 1 else []
    before = [[fault] for fault in faults if fault.phase != "end"]
    last = [[fault] for fault in faults if fault.phase == "end"]
    return [[], *before, *combined, *last]
