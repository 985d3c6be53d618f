"""What one process computes of the same records, in order and never stopped: the quiet run.

A disturbed job is compared with it, transaction by transaction: all features to the last bit, lateness, rules and
patterns. Scores are not compared, as the model is a function of the features and has tests of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.reference.order_free_traffic import Sent
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline
from udfs.stages.envelope import Envelope, encode_envelope

COMPARED = ("features", "late", "rules", "patterns")


def compared(decision: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of a decision."""
    return {name: decision[name] for name in COMPARED}


def computed(
    sent: Sequence[Sent], now_ms: int, partitions: Mapping[bytes, int] | None = None
) -> dict[str, dict[str, Any]]:
    """What is to be compared of each decision, by transaction.

    Args:
        sent: transactions, labels and account events in order, one at a time.
        now_ms: the wall clock, epoch milliseconds.
        partitions: in which partition each key's records lie, where that matters: what is late depends on it.
    """
    pipeline = Pipeline()
    found: dict[str, dict[str, Any]] = {}
    for record in sent:
        partition = partitions[record.key] if partitions else 0
        _, output = pipeline.process(
            [encode_envelope(Envelope(record.kind, partition, 0, record.key, record.value))], now_ms
        )
        for decision, row in zip(output.decisions.decisions, output.features.tolist(), strict=True):
            told = msgspec.json.decode(decision, type=dict[str, Any])
            told["features"] = {
                name: None if math.isnan(value) else value for name, value in zip(FEATURE_NAMES, row, strict=True)
            }
            found[told["transaction_id"]] = compared(told)
    return found
