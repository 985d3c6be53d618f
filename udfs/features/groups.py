"""Feature groups of the user block, in column order, and the one compiled pass that computes them.

A group is a module with its declarations, ``FEATURES``, and their formula, ``compute``, side by side. All groups of all
payments of a batch are computed in one pass: in small batches a NumPy call for each step of each formula costs more
than the arithmetic.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Protocol

from state.kernel.jit import compiled
from state.kernel.types import Floats, Words
from udfs.features import account, amount, device, geo, merchant, time
from udfs.features.feature import Feature
from udfs.features.inputs import FeatureInputs, inputs_of


class FeatureGroup(Protocol):
    """A module of declarations and their formula."""

    FEATURES: tuple[Feature, ...]

    def compute(self, inputs: FeatureInputs, out: Floats) -> None:
        """Write the features of one payment, (len(FEATURES),)."""


GROUPS: tuple[FeatureGroup, ...] = (amount, time, merchant, geo, account, device)
GROUP_FEATURES = tuple(feature for group in GROUPS for feature in group.FEATURES)

_AMOUNT, _TIME, _MERCHANT, _GEO, _ACCOUNT, _DEVICE, _END = accumulate(
    (len(group.FEATURES) for group in GROUPS), initial=0
)
"""First column of each group."""


@compiled
def fill_groups(columns: Floats, start: int, events: Words, attributes: Floats, lookups: Floats) -> None:
    """Write the columns of ``GROUP_FEATURES``.

    Args:
        columns: (n, start + len(GROUP_FEATURES)), written from column ``start`` on.
        start: number of the first column.
        events: (n, USER_EVENT_WIDTH).
        attributes: (n, ATTRIBUTES_WIDTH).
        lookups: (n, behavior.OUT_WIDTH).
    """
    for row in range(columns.shape[0]):
        out, inputs = columns[row, start:], inputs_of(events[row], attributes[row], lookups[row])
        amount.compute(inputs, out[_AMOUNT:_TIME])
        time.compute(inputs, out[_TIME:_MERCHANT])
        merchant.compute(inputs, out[_MERCHANT:_GEO])
        geo.compute(inputs, out[_GEO:_ACCOUNT])
        account.compute(inputs, out[_ACCOUNT:_DEVICE])
        device.compute(inputs, out[_DEVICE:_END])
