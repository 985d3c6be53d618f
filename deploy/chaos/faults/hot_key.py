"""One key has far more than its share of the payments."""

from __future__ import annotations

from deploy.chaos.fault import Fault, TrafficFault, TrafficShape

FAULT: Fault = TrafficFault(
    name="hot-key",
    description="30 % of the payments are of one user, at one merchant, with one device",
    traffic=TrafficShape(hot_key_share=0.3),
)
