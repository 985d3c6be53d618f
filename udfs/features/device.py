"""The device block, in the order of ``catalogue.DEVICE_FEATURES``."""

from __future__ import annotations

from udfs.features.catalogue import DEVICE_RISK, DEVICE_VELOCITY
from udfs.features.shared import SharedBlock

DEVICE_BLOCK = SharedBlock(DEVICE_VELOCITY, DEVICE_RISK)
