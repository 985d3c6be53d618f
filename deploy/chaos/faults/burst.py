"""Far more comes than is usual."""

from __future__ import annotations

from deploy.chaos.fault import BadTraffic, Fault, Traffic

FAULT: Fault = BadTraffic(name="burst", what="ten times the rate", traffic=Traffic(burst=10.0))
