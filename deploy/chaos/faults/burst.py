"""Far more comes than is usual."""

from __future__ import annotations

from deploy.chaos.fault import Fault, Traffic, TrafficFault

FAULT: Fault = TrafficFault(name="burst", what="ten times the rate", traffic=Traffic(burst=10.0))
