"""Cost of rules, from few to many: generated sets, in one process and without Flink."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.bench.uniform_traffic import UniformTraffic
from models.artefact import load
from models.scorer import Scorer
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.names import Kind
from udfs.pipeline import Pipeline
from udfs.rules import RuleSet, load_rules
from udfs.stages.envelope import Envelope, encode_envelope

BATCH = 200
USERS = 2_000


def generated_rules(count: int, seed: int = 0) -> dict[str, Any]:
    """Generate a document of rules with one to three comparisons that hardly ever hold.

    A rule that holds is written into the decision with its reason and costs more; few good rules hold.
    """
    rng = random.Random(seed)

    def rule(number: int) -> dict[str, Any]:
        parts = [f"{rng.choice(FEATURE_NAMES)} > {rng.randrange(10**6, 10**9)}" for _ in range(rng.randint(1, 3))]
        return {"id": f"rule_{number}", "reason": f"RULE_{number}", "when": " and ".join(parts), "add": 0.01}

    return {"version": 1, "rules": [rule(number) for number in range(count)]}


def cost_of_rules(
    counts: Sequence[int], model_folder: Path, warm: int = 20, measured: int = 40
) -> list[tuple[int, float]]:
    """Measure the microseconds per transaction through all stages, for each number of rules.

    All sets process the same batches in turn, so that a slow moment of the machine affects all of them. The faster
    half of the batches counts.

    Args:
        counts: numbers of rules.
        model_folder: the model that scores.
        warm: batches before the measurement.
        measured: batches of the measurement.
    """
    scorer = Scorer(load(model_folder, FEATURE_NAMES, feature_hash()))
    pipelines = [Pipeline(model=scorer, rules=_rule_set(count)) for count in counts]
    now_ms = time.time_ns() // 1_000_000
    payments = (warm + measured) * BATCH
    traffic = UniformTraffic(USERS, payments, now_ms).random_users(payments)
    seconds: list[list[float]] = [[] for _ in counts]
    for number in range(warm + measured):
        batch = [
            encode_envelope(Envelope(Kind.TRANSACTION, 0, number * BATCH + place, record.key, record.value))
            for place, record in zip(range(BATCH), traffic, strict=False)
        ]
        for pipeline, times in zip(pipelines, seconds, strict=True):
            begun = time.thread_time()
            pipeline.process(batch, now_ms)
            times.append(time.thread_time() - begun)
    return [
        (count, _mean_of_lower_half(times[warm:]) / BATCH * 1e6) for count, times in zip(counts, seconds, strict=True)
    ]


def _rule_set(count: int) -> RuleSet:
    return load_rules(generated_rules(count), FEATURE_NAMES)


def _mean_of_lower_half(times: Sequence[float]) -> float:
    chosen = sorted(times)[: max(len(times) // 2, 1)]
    return sum(chosen) / len(chosen)
