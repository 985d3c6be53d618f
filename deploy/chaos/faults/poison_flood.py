"""A producer runs wild: records that cannot be read, are too large, or say what cannot be."""

from __future__ import annotations

from deploy.chaos.fault import Fault, Traffic, TrafficFault

FAULT: Fault = TrafficFault(
    name="poison-flood",
    what="for each payment a record that is no JSON, no UTF-8, empty, oversized, invalid or under a wrong key",
    traffic=Traffic(poison=1.0),
)
