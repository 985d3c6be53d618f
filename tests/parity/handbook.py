"""The features of the Fraud Detection Handbook, chapter 3, in plain pandas: the definition that ours are held to."""

from __future__ import annotations

import pandas as pd

WINDOWS = (1, 7, 30)
DELAY = 7

# What each of the handbook's features is called here.
OURS = {
    "TX_DURING_WEEKEND": "time_weekend",
    "TX_DURING_NIGHT": "time_night",
    **{
        f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW": f"user_transaction_count_{name}"
        for days, name in zip(WINDOWS, ("24h", "7d", "30d"), strict=True)
    },
    **{
        f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW": f"user_amount_mean_{name}"
        for days, name in zip(WINDOWS, ("24h", "7d", "30d"), strict=True)
    },
    **{
        f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW": f"merchant_settled_count_{name}"
        for days, name in zip(WINDOWS, ("24h", "7d", "30d"), strict=True)
    },
    **{
        f"TERMINAL_ID_RISK_{days}DAY_WINDOW": f"merchant_fraud_share_{name}"
        for days, name in zip(WINDOWS, ("24h", "7d", "30d"), strict=True)
    },
}
"""The handbook counts 15 features; the amount itself is the fifteenth."""


def features(payments: pd.DataFrame) -> pd.DataFrame:
    """The 14 features that are computed, with the index of ``payments``.

    Args:
        payments: the handbook's columns, in order of time.
    """
    made = pd.DataFrame(index=payments.index)
    made["TX_DURING_WEEKEND"] = (payments["TX_DATETIME"].dt.weekday >= 5).astype(float)
    made["TX_DURING_NIGHT"] = (payments["TX_DATETIME"].dt.hour <= 6).astype(float)
    by_customer = _rolling(payments, "CUSTOMER_ID", "TX_AMOUNT")
    for days in WINDOWS:
        count, total = by_customer(days)
        made[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"] = count
        made[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"] = total / count
    by_terminal = _rolling(payments, "TERMINAL_ID", "TX_FRAUD")
    count_delay, fraud_delay = by_terminal(DELAY)
    for days in WINDOWS:
        count, fraud = by_terminal(DELAY + days)
        settled = count - count_delay
        made[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = settled
        made[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = ((fraud - fraud_delay) / settled).fillna(0.0)
    return made


class _rolling:  # noqa: N801 - a function with a memory
    """Count and sum of a column over the last so many days of each key, the payment's own included."""

    def __init__(self, payments: pd.DataFrame, key: str, column: str) -> None:
        self._index = payments.index
        # Grouped once; a stable sort, so that payments of one second stay in their order.
        ordered = payments.reset_index().sort_values([key, "TX_DATETIME"], kind="stable")
        self._place = ordered["index"].to_numpy()
        self._grouped = ordered.set_index("TX_DATETIME").groupby(key, sort=True)[column]

    def __call__(self, days: int) -> tuple[pd.Series, pd.Series]:
        window = self._grouped.rolling(f"{days}D")
        return self._series(window.count()), self._series(window.sum())

    def _series(self, values: pd.Series) -> pd.Series:
        return pd.Series(values.to_numpy(), index=self._place).reindex(self._index)
