"""Small feature tables to train on: fraud comes in bursts and in unusual amounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from models.feature_table import HASH_KEY, NAMES_KEY

NAMES = ["amount", "user_transaction_count_5m", "user_amount_zscore", "hour"]
FEATURE_HASH = "f00d"
START_MS = 1_700_000_000_000


def columns(n: int = 3000, seed: int = 1) -> dict[str, npt.NDArray[Any]]:
    """``n`` payments, one a minute, of 50 users; about a tenth of them fraud."""
    random = np.random.default_rng(seed)
    fraud = random.random(n) < 0.1
    zscore = random.normal(size=n) + 2.0 * fraud
    zscore[random.random(n) < 0.1] = np.nan  # users without a history
    return {
        "amount": np.exp(random.normal(3.0, 1.0, n) + fraud),
        "user_transaction_count_5m": random.poisson(1.0 + 2.0 * fraud).astype(float),
        "user_amount_zscore": zscore,
        "hour": random.integers(0, 24, n).astype(float),
        "label": fraud,
        "event_time": START_MS + 60_000 * np.arange(n),
        "user_id": np.array([f"u{i}" for i in random.integers(0, 50, n)], dtype=object),
    }


def write(
    folder: Path, data: dict[str, npt.NDArray[Any]] | None = None, metadata: dict[bytes, bytes] | None = None
) -> Path:
    """Write a feature table as the builder does, with feature names and hash in the metadata of the schema."""
    declared = {NAMES_KEY: msgspec.json.encode(NAMES), HASH_KEY: FEATURE_HASH.encode()}
    table = pa.table(columns() if data is None else data)
    file = folder / "features.parquet"
    pq.write_table(table.replace_schema_metadata(declared if metadata is None else metadata), file)
    return file
