"""Features of the amount: its size, its roundness, and how it compares with the user's earlier amounts."""

from __future__ import annotations

import math

from state.kernel.jit import compiled
from state.kernel.money import UNITS
from state.kernel.times import DAY_MS
from state.kernel.types import Floats
from udfs.features.feature import FIRST_OF_USER, Feature, indicator
from udfs.features.formula import columns_of, flag, ratio
from udfs.features.inputs import FeatureInputs

SMALL_AMOUNT = 10.0  # under this the observed fraud rate is double: cards are tested with small amounts
HIGH_AMOUNT = 1_000.0

_ALL_ZERO = f"{FIRST_OF_USER}, or every earlier amount was zero"

FEATURES: tuple[Feature, ...] = (
    Feature(measure="amount", meaning="The amount of the transaction.", unit="currency units"),
    Feature(measure="amount", aggregate="log", meaning="Natural logarithm of 1 + amount.", unit="ln(currency units)"),
    indicator("amount", f"The amount is under {SMALL_AMOUNT:g}.", aggregate="small"),
    indicator("amount", f"The amount is at least {HIGH_AMOUNT:g}.", aggregate="high"),
    indicator("amount", "The amount is a positive multiple of 100.", aggregate="round_100"),
    indicator("amount", "The amount is a positive multiple of 1,000.", aggregate="round_1000"),
    Feature(
        entity="user",
        measure="amount",
        aggregate="ratio_mean",
        meaning="The amount over the mean of all the user's earlier amounts.",
        unit="ratio",
        absent=_ALL_ZERO,
    ),
    Feature(
        entity="user",
        measure="amount",
        aggregate="ratio_max",
        meaning="The amount over the largest of all the user's earlier amounts.",
        unit="ratio",
        absent=_ALL_ZERO,
    ),
    Feature(
        entity="user",
        measure="amount",
        aggregate="zscore",
        meaning="The amount less the mean of all the user's earlier amounts, over their sample standard deviation.",
        unit="standard deviations",
        low=-math.inf,
        absent="fewer than two earlier transactions, or all of them of one amount",
    ),
    indicator(
        "amount",
        "The user paid exactly this amount before, in the last 24 h.",
        entity="user",
        aggregate="repeated",
        window_ms=DAY_MS,
        absent=FIRST_OF_USER,
    ),
)
COLUMN = columns_of(FEATURES)


@compiled
def compute(inputs: FeatureInputs, out: Floats) -> None:
    """Write the features of one payment.

    Args:
        inputs: of the payment.
        out: (len(FEATURES),), written.
    """
    count, units = inputs.earlier_count, inputs.units
    mean = ratio(inputs.earlier_units, count)
    deviation = math.sqrt(ratio(inputs.earlier_spread, count * (count - 1)))
    out[COLUMN.amount] = inputs.amount
    out[COLUMN.amount_log] = math.log1p(inputs.amount)
    out[COLUMN.amount_small] = inputs.amount < SMALL_AMOUNT
    out[COLUMN.amount_high] = inputs.amount >= HIGH_AMOUNT
    out[COLUMN.amount_round_100] = units > 0 and units % (100 * UNITS) == 0
    out[COLUMN.amount_round_1000] = units > 0 and units % (1_000 * UNITS) == 0
    out[COLUMN.user_amount_ratio_mean] = ratio(units * count, inputs.earlier_units)
    out[COLUMN.user_amount_ratio_max] = ratio(units, inputs.earlier_max)
    out[COLUMN.user_amount_zscore] = ratio(units - mean, deviation)
    out[COLUMN.user_amount_repeated_24h] = flag(inputs.repeated > 0, count > 0)
