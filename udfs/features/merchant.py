"""The merchant block, in the order of ``catalogue.MERCHANT_FEATURES``."""

from __future__ import annotations

from udfs.features.catalogue import MERCHANT_RISK, MERCHANT_VELOCITY
from udfs.features.shared import SharedBlock

MERCHANT_BLOCK = SharedBlock(MERCHANT_VELOCITY, MERCHANT_RISK)
