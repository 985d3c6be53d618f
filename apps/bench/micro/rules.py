"""What rules cost, from few to many: generated sets, in one process and without Flink."""

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
    """A document of rules of one to three comparisons of features that hardly ever hold.

    One that holds is written into the decision with its reason, and costs more; of good rules few do.
    """
    chance = random.Random(seed)

    def rule(number: int) -> dict[str, Any]:
        parts = [
            f"{chance.choice(FEATURE_NAMES)} > {chance.randrange(10**6, 10**9)}" for _ in range(chance.randint(1, 3))
        ]
        return {"id": f"rule_{number}", "reason": f"RULE_{number}", "when": " and ".join(parts), "add": 0.01}

    return {"version": 1, "rules": [rule(number) for number in range(count)]}


def cost_of_rules(
    counts: Sequence[int], model_folder: Path, warm: int = 20, measured: int = 40
) -> list[tuple[int, float]]:
    """Microseconds a transaction takes through all stages with so many rules, the best half of the batches.

    All sets see the same batches, one after another, so that a slow moment of the machine strikes all of them.

    Args:
        counts: of rules.
        model_folder: the model that scores.
        warm: batches that do not count.
        measured: batches that do.
    """
    scorer = Scorer(load(model_folder, FEATURE_NAMES, feature_hash()))
    pipelines = [Pipeline(model=scorer, rules=_rule_set(count)) for count in counts]
    now_ms = time.time_ns() // 1_000_000
    payments = (warm + measured) * BATCH
    traffic = UniformTraffic(USERS, payments, now_ms).random_users(payments)
    spent: list[list[float]] = [[] for _ in counts]
    for number in range(warm + measured):
        batch = [
            encode_envelope(Envelope(Kind.TRANSACTION, 0, number * BATCH + place, record.key, record.value))
            for place, record in zip(range(BATCH), traffic, strict=False)
        ]
        for pipeline, times in zip(pipelines, spent, strict=True):
            begun = time.thread_time()
            pipeline.process(batch, now_ms)
            times.append(time.thread_time() - begun)
    return [(count, _lower_half(times[warm:]) / BATCH * 1e6) for count, times in zip(counts, spent, strict=True)]


def _rule_set(count: int) -> RuleSet:
    return load_rules(generated_rules(count), FEATURE_NAMES)


def _lower_half(times: Sequence[float]) -> float:
    chosen = sorted(times)[: max(len(times) // 2, 1)]
    return sum(chosen) / len(chosen)
