"""Features of the Fraud Detection Handbook, chapter 3, in plain pandas: the definition that ours have to equal."""

from __future__ import annotations

import pandas as pd

WINDOWS = (1, 7, 30)
DELAY = 7

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
"""Our name of each feature of the handbook. The handbook counts 15 features; the fifteenth is the amount."""


def features(payments: pd.DataFrame) -> pd.DataFrame:
    """Compute the 14 features, with the index of ``payments``.

    Args:
        payments: the handbook's columns, in order of time.
    """
    table = pd.DataFrame(index=payments.index)
    table["TX_DURING_WEEKEND"] = (payments["TX_DATETIME"].dt.weekday >= 5).astype(float)
    table["TX_DURING_NIGHT"] = (payments["TX_DATETIME"].dt.hour <= 6).astype(float)
    by_customer = _Rolling(payments, "CUSTOMER_ID", "TX_AMOUNT")
    for days in WINDOWS:
        count, total = by_customer(days)
        table[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"] = count
        table[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"] = total / count
    by_terminal = _Rolling(payments, "TERMINAL_ID", "TX_FRAUD")
    count_delay, fraud_delay = by_terminal(DELAY)
    for days in WINDOWS:
        count, fraud = by_terminal(DELAY + days)
        settled = count - count_delay
        table[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = settled
        table[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = ((fraud - fraud_delay) / settled).fillna(0.0)
    return table


class _Rolling:
    """Count and sum of a column over the last days of each key, including the payment itself."""

    def __init__(self, payments: pd.DataFrame, key: str, column: str) -> None:
        self._index = payments.index
        # Grouped once, with a stable sort: payments of one second stay in their order.
        ordered = payments.reset_index().sort_values([key, "TX_DATETIME"], kind="stable")
        self._rows = ordered["index"].to_numpy()
        self._grouped = ordered.set_index("TX_DATETIME").groupby(key, sort=True)[column]

    def __call__(self, days: int) -> tuple[pd.Series, pd.Series]:
        window = self._grouped.rolling(f"{days}D")
        return self._series(window.count()), self._series(window.sum())

    def _series(self, values: pd.Series) -> pd.Series:
        return pd.Series(values.to_numpy(), index=self._rows).reindex(self._index)
