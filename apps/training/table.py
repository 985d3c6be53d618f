"""A training table from the simulator: point-in-time features by the very stages that serve them, and the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps.records import transaction_id
from apps.simulator.simulator import Options, Simulator
from apps.simulator.writing import SimulatedRecord
from models.feature_table import EVENT_TIME, HASH_KEY, LABEL, NAMES_KEY, USER
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.names import Kind, Topic
from udfs.pipeline import Pipeline
from udfs.stages.envelope import Envelope, encode_envelope

_KINDS = {
    Topic.TRANSACTIONS: Kind.TRANSACTION,
    Topic.ACCOUNT_EVENTS: Kind.ACCOUNT_EVENT,
    Topic.LABELS: Kind.LABEL,
}
_BATCH = 1_000


def build_table(
    options: Options, transactions: int, skipped: int, file: Path, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Simulate, compute, and write a Parquet table that ``models.train`` reads; returns its number of rows.

    Args:
        options: of the simulation.
        transactions: rows of the table, at least.
        skipped: transactions before the first row. Where all users have a history, a model takes its absence for fraud:
            of first payments to a job that was just started, 8 % of the good ones were alerts, and .02 % with 0 here.
        file: to write.
        tell: is told how many transactions are done.
    """
    simulator, pipeline = Simulator(options), Pipeline()
    done = 0
    features: list[NDArray[np.float64]] = []
    truth: list[tuple[bool, int, str]] = []
    while len(truth) < transactions:
        records = simulator.block(_BATCH)
        _, output = pipeline.process([sealed(record) for record in records], now_ms=records[-1].time)
        fraud = _fraud(records)
        if done >= skipped:
            features.append(output.features)
            truth += [
                (fraud[payment.transaction_id], payment.event_time, payment.user_id) for payment in output.payments
            ]
        done += len(output.payments)
        tell(done)
    pq.write_table(_table(np.concatenate(features), truth), file)
    return len(truth)


def sealed(record: SimulatedRecord) -> bytes:
    """As the stages read it."""
    return encode_envelope(Envelope(_KINDS[record.topic], 0, 0, record.key, record.value))


def _fraud(records: Sequence[SimulatedRecord]) -> dict[str, bool]:
    """The truth by transaction id."""
    return {
        transaction_id(record.value): record.fraud is not None
        for record in records
        if record.topic == Topic.TRANSACTIONS
    }


def _table(features: NDArray[np.float64], truth: Sequence[tuple[bool, int, str]]) -> pa.Table:
    label, event_time, user = zip(*truth, strict=True)
    columns = {name: features[:, column] for column, name in enumerate(FEATURE_NAMES)}
    table = pa.table(columns | {LABEL: label, EVENT_TIME: event_time, USER: user})
    return table.replace_schema_metadata(
        {NAMES_KEY: json.dumps(FEATURE_NAMES).encode(), HASH_KEY: feature_hash().encode()}
    )
