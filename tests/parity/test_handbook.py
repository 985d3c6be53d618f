"""Our features equal the handbook's on every row of the handbook's data, computed by the code of the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from state.kernel.times import DAY_MS
from state.profiles.shared_profile import MerchantProfile
from state.profiles.user_profile import UserProfile
from tests.parity import handbook
from udfs.features.catalogue import MERCHANT_FEATURES, USER_FEATURES
from udfs.features.shared_block import MERCHANT_BLOCK, SharedPayment
from udfs.features.user_block import update_and_compute
from udfs.records.transaction import Transaction

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "handbook" / "transactions.parquet"
NAMES = [feature.name for feature in (*USER_FEATURES, *MERCHANT_FEATURES)]
WANTED = [NAMES.index(name) for name in handbook.OURS.values()]
BATCH = 5_000
START_MS = 1_522_540_800_000  # 2018-04-01
DAYS = (30, 60, 90, 120)

Floats = npt.NDArray[np.float64]


class Row(NamedTuple):
    """A payment of the handbook; ``time`` in epoch milliseconds."""

    time: int
    name: int
    customer: int
    terminal: int
    amount: float
    fraud: int


pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the handbook's data is not on this machine")


class Run(NamedTuple):
    """One pass over all payments.

    Attributes:
        payments: n rows.
        features: ours, (n, len(handbook.OURS)), in the order of ``handbook.OURS``.
        bytes_by_day: size of all packed profiles.
    """

    payments: pd.DataFrame
    features: Floats
    bytes_by_day: dict[int, int]


@pytest.fixture(scope="module")
def run() -> Run:
    """Update profiles with all rows, and with the labels of each batch right after it.

    The windows of the risk leave out labels that are not due.
    """
    payments = pd.read_parquet(DATA)
    bytes_by_day: dict[int, int] = {}
    users: defaultdict[int, UserProfile] = defaultdict(UserProfile)
    merchants: defaultdict[int, MerchantProfile] = defaultdict(MerchantProfile)
    blocks = []
    for batch in batches(payments):
        user_columns = update_and_compute([(users[row.customer], transaction(row)) for row in batch])
        merchant_columns = MERCHANT_BLOCK.update_and_compute(
            [(merchants[row.terminal], SharedPayment(row.time, row.amount, str(row.customer), False)) for row in batch]
        )
        blocks.append(np.hstack((user_columns, merchant_columns))[:, WANTED])
        for row in batch:
            if row.fraud:
                merchants[row.terminal].label(row.name, row.time, row.time, fraud=True)
        day = (batch[-1].time - START_MS) // DAY_MS
        if day in DAYS and day not in bytes_by_day:
            bytes_by_day[day] = sum(len(user.pack()) for user in users.values())
            bytes_by_day[day] += sum(len(merchant.pack()) for merchant in merchants.values())
    return Run(payments, np.concatenate(blocks), bytes_by_day)


def batches(payments: pd.DataFrame) -> Iterator[list[Row]]:
    columns = ("TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")
    times = payments["TX_DATETIME"].astype("datetime64[ms]").astype("int64").tolist()
    rows = [Row(*row) for row in zip(times, *(payments[column].tolist() for column in columns), strict=True)]
    return (rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH))


def transaction(row: Row) -> Transaction:
    return Transaction(
        transaction_id=str(row.name),
        user_id=str(row.customer),
        merchant_id=str(row.terminal),
        amount=row.amount,
        currency="EUR",
        event_time=row.time,
    )


def test_every_feature_of_the_handbook_is_equal_on_every_row(run: Run) -> None:
    expected = handbook.features(run.payments)[list(handbook.OURS)].to_numpy()

    # The handbook has no absent values: the risk is 0 where nothing is due.
    ours = np.nan_to_num(run.features, nan=0.0)

    assert len(ours) == len(expected) > 1_000_000
    for column, name in enumerate(handbook.OURS):
        differing = np.abs(ours[:, column] - expected[:, column]) > 1e-9 * np.maximum(1.0, np.abs(expected[:, column]))
        assert differing.sum() == 0, f"{name} differs on {differing.sum()} rows, first {np.flatnonzero(differing)[:5]}"


def test_state_has_stopped_growing_after_two_months(run: Run) -> None:
    sizes = run.bytes_by_day
    assert sorted(sizes) == list(DAYS)
    assert sizes[60] > 1.1 * sizes[30], "state that never grew would show nothing"
    assert max(sizes[90], sizes[120]) < 1.05 * sizes[60]
