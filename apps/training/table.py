"""Build a training table from simulated traffic: features as the serving stages compute them, and labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps.records import encode_source_record, transaction_id
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from models.feature_table import EVENT_TIME, HASH_KEY, LABEL, NAMES_KEY, USER
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.names import Topic
from udfs.pipeline import Pipeline

_BATCH = 1_000


def build_table(
    options: SimulatorOptions,
    transactions: int,
    warm_up: int,
    file: Path,
    report: Callable[[int], None] = lambda _: None,
) -> int:
    """Simulate traffic, compute its features, and write a Parquet table for ``models.train``.

    Args:
        options: options of the simulation.
        transactions: minimum number of rows.
        warm_up: transactions before the first row; they only fill profiles. Use 0 if the model must also score users
            without a history: trained on tables without such rows, a model takes the missing history for fraud (8 % of
            legitimate first payments became alerts, and .02 % with 0).
        file: Parquet file to write.
        report: called with the number of transactions processed.

    Returns:
        Number of rows.
    """
    simulator, pipeline = Simulator(options), Pipeline()
    done = 0
    features: list[NDArray[np.float64]] = []
    labels: list[tuple[bool, int, str]] = []
    while len(labels) < transactions:
        records = simulator.block(_BATCH)
        batch = [encode_source_record(record.topic, record.key, record.value) for record in records]
        _, output = pipeline.process(batch, now_ms=records[-1].time)
        fraud = _fraud_by_id(records)
        if done >= warm_up:
            features.append(output.features)
            labels += [
                (fraud[payment.transaction_id], payment.event_time, payment.user_id) for payment in output.payments
            ]
        done += len(output.payments)
        report(done)
    pq.write_table(_table(np.concatenate(features), labels), file)
    return len(labels)


def _fraud_by_id(records: Sequence[SimulatedRecord]) -> dict[str, bool]:
    return {
        transaction_id(record.value): record.fraud is not None
        for record in records
        if record.topic == Topic.TRANSACTIONS
    }


def _table(features: NDArray[np.float64], labels: Sequence[tuple[bool, int, str]]) -> pa.Table:
    label, event_time, user = zip(*labels, strict=True)
    columns = {name: features[:, column] for column, name in enumerate(FEATURE_NAMES)}
    table = pa.table(columns | {LABEL: label, EVENT_TIME: event_time, USER: user})
    return table.replace_schema_metadata(
        {NAMES_KEY: json.dumps(FEATURE_NAMES).encode(), HASH_KEY: feature_hash().encode()}
    )
