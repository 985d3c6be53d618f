"""Far more payments come than usual."""

from __future__ import annotations

from deploy.chaos.fault import Fault, TrafficFault, TrafficShape

FAULT: Fault = TrafficFault(name="burst", description="ten times the rate", traffic=TrafficShape(rate_factor=10.0))
