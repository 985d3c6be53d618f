"""A producer sends garbage: records that cannot be read, are too large, or hold impossible values."""

from __future__ import annotations

from deploy.chaos.fault import Fault, TrafficFault, TrafficShape

FAULT: Fault = TrafficFault(
    name="poison-flood",
    description="for each payment a record that is no JSON, no UTF-8, empty, oversized, invalid or under a wrong key",
    traffic=TrafficShape(poison_per_payment=1.0),
)
