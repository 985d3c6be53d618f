"""Features of the merchant: how well the user knows it, and the risk of its category."""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.types import Floats
from udfs.features.feature import FIRST_OF_USER, Feature, indicator
from udfs.features.formula import columns_of, flag, ratio
from udfs.features.inputs import FeatureInputs

FEATURES: tuple[Feature, ...] = (
    indicator(
        "merchant", "The user has not paid this merchant before.", entity="user", aggregate="new", absent=FIRST_OF_USER
    ),
    Feature(
        entity="user",
        measure="merchant",
        aggregate="share",
        meaning="Share of the user's earlier transactions that went to this merchant.",
        unit="share",
        high=1.0,
        absent=FIRST_OF_USER,
    ),
    Feature(
        measure="merchant_category",
        aggregate="risk",
        meaning="How much fraud the merchant's category usually attracts, from 0 to 1.",
        unit="share",
        high=1.0,
        absent="merchant_category not given, or not known",
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
    out[COLUMN.user_merchant_new] = flag(inputs.merchant_count == 0, inputs.earlier_count > 0)
    out[COLUMN.user_merchant_share] = ratio(inputs.merchant_count, inputs.earlier_count)
    out[COLUMN.merchant_category_risk] = inputs.category_risk
