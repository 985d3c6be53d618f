"""Producers send hostile records to every input topic: mutated bytes, fields, sizes, times, encodings, numbers."""

from __future__ import annotations

from deploy.chaos.fault import Fault, TrafficFault, TrafficShape

FAULT: Fault = TrafficFault(
    name="hostile-input",
    description="for each four payments a seeded mutation of a real record, to every input topic",
    traffic=TrafficShape(hostile_per_payment=0.25),
)
