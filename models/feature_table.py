"""Read a training table: features and labels of payments, in a Parquet file.

A row is a payment. It has one column for each feature (NaN or null for a missing value), ``label`` (boolean or 0/1),
``event_time`` (epoch milliseconds, or a timestamp) and optionally ``user_id``. The metadata of the file's schema names
the feature columns in order (``feature_names``, a JSON list) and the hash of their definitions (``feature_hash``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

LABEL = "label"
EVENT_TIME = "event_time"
USER = "user_id"
NAMES_KEY = b"feature_names"
HASH_KEY = b"feature_hash"


class TableError(Exception):
    """A training table cannot be used; the message names the file, the fault and the remedy."""


@dataclass(frozen=True)
class FeatureTable:
    """Payments in order of event time.

    Attributes:
        feature_names: names of the F columns of ``features``.
        feature_hash: hash of the definitions of the features.
        features: (n, F) float64; NaN for a missing value.
        fraud: (n,) labels.
        event_time: (n,) epoch milliseconds.
        user_id: (n,), or None if the table has no users.
    """

    feature_names: tuple[str, ...]
    feature_hash: str
    features: NDArray[np.float64]
    fraud: NDArray[np.bool_]
    event_time: NDArray[np.int64]
    user_id: NDArray[np.object_] | None

    def __len__(self) -> int:
        return len(self.fraud)

    def slice_rows(self, start: int, end: int) -> FeatureTable:
        """Return a view of the rows from ``start`` to ``end`` (exclusive)."""
        rows = slice(start, end)
        users = None if self.user_id is None else self.user_id[rows]
        return FeatureTable(
            self.feature_names, self.feature_hash, self.features[rows], self.fraud[rows], self.event_time[rows], users
        )

    def content_hash(self) -> str:
        """Hash names, features, labels and times to a hex digest that does not depend on the file's encoding."""
        digest = hashlib.sha256(msgspec.json.encode([self.feature_names, self.feature_hash]))
        # NaNs may differ in their bits; all of them mean a missing value.
        digest.update(np.where(np.isnan(self.features), np.nan, self.features).tobytes())
        digest.update(self.fraud.tobytes())
        digest.update(self.event_time.tobytes())
        return digest.hexdigest()


def read(file: Path) -> FeatureTable:
    """Read and validate a training table.

    Raises:
        TableError: the file does not exist, is not Parquet, or is not a training table.
    """
    table = _open(file)
    names, feature_hash = _declared_features(file, table)
    missing = [name for name in (*names, LABEL, EVENT_TIME) if name not in table.column_names]
    if missing:
        raise TableError(f"{file} lacks the column {missing[0]!r}: build the table again")
    event_time = _event_time(file, table[EVENT_TIME])
    # A stable sort: payments of one millisecond keep the order in which they were decided.
    order = np.argsort(event_time, kind="stable")
    features = np.empty((table.num_rows, len(names)))
    for column, name in enumerate(names):
        features[:, column] = _numbers(file, name, table[name])[order]
    return FeatureTable(
        feature_names=names,
        feature_hash=feature_hash,
        features=features,
        fraud=_labels(file, table[LABEL])[order],
        event_time=event_time[order],
        user_id=table[USER].to_numpy()[order] if USER in table.column_names else None,
    )


def _open(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except FileNotFoundError:
        raise TableError(f"{file} does not exist: name a Parquet file of features") from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{file} cannot be read as Parquet ({str(error).splitlines()[0]}): name another file"
        ) from None


def _declared_features(file: Path, table: pa.Table) -> tuple[tuple[str, ...], str]:
    declared = table.schema.metadata or {}
    try:
        names = msgspec.json.decode(declared[NAMES_KEY], type=list[str])
        feature_hash = declared[HASH_KEY].decode()
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        raise TableError(
            f"{file} does not name its feature columns in the schema metadata "
            f"({NAMES_KEY.decode()}: a JSON list, {HASH_KEY.decode()}: text): build it with the feature table builder"
        ) from None
    if not names or len(set(names)) != len(names):
        raise TableError(f"{file} declares no features, or one of them twice: build the table again")
    if taken := {LABEL, EVENT_TIME, USER}.intersection(names):
        raise TableError(
            f"{file} declares {min(taken)!r} as a feature, which is not known when a payment is decided: "
            "leave it out of the feature names"
        )
    return tuple(names), feature_hash


def _numbers(file: Path, name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        raise TableError(
            f"{file}: the feature {name!r} holds {column.type}, not numbers: build the table again"
        ) from None
    return values


def _labels(file: Path, column: pa.ChunkedArray) -> NDArray[np.bool_]:
    values = np.asarray(column.to_numpy())
    if column.null_count or not np.isin(values, (0, 1)).all():
        raise TableError(f"{file}: {LABEL!r} must be true or false (1 or 0) in every row: drop rows without a label")
    return values.astype(bool)


def _event_time(file: Path, column: pa.ChunkedArray) -> NDArray[np.int64]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    if column.null_count or not pa.types.is_integer(column.type):
        raise TableError(f"{file}: {EVENT_TIME!r} must be epoch milliseconds or a timestamp in every row")
    return np.asarray(column.cast(pa.int64()).to_numpy())
