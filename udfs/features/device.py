"""Features of the device, the channel and the card: how usual they are for the user."""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.types import Floats
from udfs.features.feature import Feature, indicator
from udfs.features.formula import columns_of, ratio
from udfs.features.inputs import FeatureInputs

FEATURES: tuple[Feature, ...] = (
    Feature(
        entity="user",
        measure="channel",
        aggregate="share",
        meaning="Share of the user's earlier transactions that came through this channel; 0 is a channel never used.",
        unit="share",
        high=1.0,
        absent="channel not given, or no earlier channel known",
    ),
    indicator("card_present", "The card was present.", absent="card_present not given"),
    indicator(
        "device",
        "The user has not used this device before.",
        entity="user",
        aggregate="new",
        absent="device.id not given, or no device known of this user",
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
    out[COLUMN.user_channel_share] = ratio(inputs.channel_count, inputs.any_channel_count)
    out[COLUMN.card_present] = inputs.card_present
    out[COLUMN.user_device_new] = inputs.device_new
