"""One key has far more than its share."""

from __future__ import annotations

from deploy.chaos.fault import Fault, Traffic, TrafficFault

FAULT: Fault = TrafficFault(
    name="hot-key",
    what="30 % of the payments are of one user, at one merchant, with one device",
    traffic=Traffic(hot=0.3),
)
