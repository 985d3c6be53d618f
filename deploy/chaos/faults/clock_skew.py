"""Clocks of those who send are wrong: payments from tomorrow and from last week, among those of now.

What is late for a device or a merchant depends on which payments of other users it met before, and so on their order;
the user's features alone do not.
"""

from __future__ import annotations

from deploy.chaos.fault import Fault, Traffic, TrafficFault

FAULT: Fault = TrafficFault(
    name="clock-skew",
    what="a tenth of the payments is up to 20 h ahead of the wall clock, a tenth up to 5 days behind the others",
    traffic=Traffic(skewed=0.2),
    compares="user",
    mixes=False,
)
