"""Clocks of senders are wrong: some payments are from tomorrow or last week.

For a device or merchant, which payments are late depends on the order in which payments of different users arrive, so
only the user's features are determined. Event time stays ahead for good, so this fault comes last.
"""

from __future__ import annotations

from deploy.chaos.fault import Fault, TrafficFault, TrafficShape

FAULT: Fault = TrafficFault(
    name="clock-skew",
    description="a tenth of the payments is up to 20 h ahead of the wall clock, a tenth up to 5 days behind the others",
    traffic=TrafficShape(skewed_share=0.2),
    compared_features="user",
    phase="end",
)
