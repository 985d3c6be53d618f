"""The golden run: the decisions that one process makes on the same records, in order and without a failure.

A job under faults is compared with it, transaction by transaction: all features to the last bit, lateness, rules and
patterns. Scores are not compared: the model is a function of the features and has tests of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.reference.order_free_traffic import TrafficRecord
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline
from udfs.stages.envelope import Envelope, encode_envelope

COMPARED = ("features", "late", "rules", "patterns")
"""Fields of a decision that are compared."""


def comparable_fields(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Select the fields of a decision that are compared with the golden run."""
    return {name: decision[name] for name in COMPARED}


def golden_decisions(
    records: Sequence[TrafficRecord], now_ms: int, partitions: Mapping[bytes, int] | None = None
) -> dict[str, dict[str, Any]]:
    """Decide every transaction in one process; returns the fields to compare, by transaction id.

    Args:
        records: transactions, labels and account events in order; each is processed as a batch of one.
        now_ms: wall clock, epoch milliseconds.
        partitions: partition of each record key; lateness depends on it. Without it all records are of partition 0.
    """
    pipeline = Pipeline()
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        partition = partitions[record.key] if partitions else 0
        _, output = pipeline.process(
            [encode_envelope(Envelope(record.kind, partition, 0, record.key, record.value))], now_ms
        )
        for encoded, row in zip(output.decisions.decisions, output.features.tolist(), strict=True):
            decision = msgspec.json.decode(encoded, type=dict[str, Any])
            decision["features"] = {
                name: None if math.isnan(value) else value for name, value in zip(FEATURE_NAMES, row, strict=True)
            }
            found[decision["transaction_id"]] = comparable_fields(decision)
    return found
