"""Features of the account: its age, its credit limit, and recent account events."""

from __future__ import annotations

import math

from state.kernel.jit import compiled
from state.kernel.times import DAY_MS
from state.kernel.types import Floats
from udfs.features.feature import Feature
from udfs.features.formula import columns_of, ratio
from udfs.features.inputs import FeatureInputs

FEATURES: tuple[Feature, ...] = (
    Feature(
        measure="account",
        aggregate="age",
        meaning="Age of the account at the time of the transaction; negative when it claims to be opened later.",
        unit="days",
        low=-math.inf,
        absent="account.created_at not given",
    ),
    Feature(
        measure="account",
        aggregate="limit_share",
        meaning="The amount over the credit limit of the account.",
        unit="share",
        absent="account.credit_limit not given, or not above zero",
    ),
    Feature(
        entity="user",
        measure="account_event",
        aggregate="count",
        window_ms=DAY_MS,
        meaning="Number of the user's account events (log-ins, resets, changes) in the last 24 h; stops at 128.",
        unit="events",
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
    out[COLUMN.account_age] = (inputs.time - inputs.account_created) / DAY_MS
    out[COLUMN.account_limit_share] = ratio(inputs.amount, inputs.credit_limit)
    out[COLUMN.user_account_event_count_24h] = inputs.account_event_count
