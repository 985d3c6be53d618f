"""Assigns a uid and a readable name to every operator, including those that the SQL planner made.

Flink finds the state of an operator in a savepoint by its uid. The planner numbers its operators, and a number changes
with any query in front of it. So operators are named by their place: the stage or sink they feed, and their role there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pyflink.datastream import StreamExecutionEnvironment

from udfs.names import Uid

# Ends of branches: everything upstream of one, up to the end of another, feeds it.
_STAGES = {"user stage": Uid.USER_STAGE, "device stage": Uid.DEVICE_STAGE, "merchant stage": Uid.MERCHANT_STAGE}
_SINKS = {
    "decisions": Uid.DECISIONS,
    "alerts": Uid.ALERTS,
    "dead_letters": Uid.DEAD_LETTERS,
    "metrics": Uid.METRICS,
    "merchant_metrics": Uid.MERCHANT_METRICS,
}
_SOURCES = {
    "events": Uid.EVENTS,
    "control": Uid.CONTROL,
    "control_of_users": Uid.CONTROL_OF_USERS,
    "control_of_devices": Uid.CONTROL_OF_DEVICES,
}
_MINI_BATCHES = {uid.value: uid for uid in (Uid.BATCH_BY_USER, Uid.BATCH_BY_DEVICE, Uid.BATCH_BY_MERCHANT)}
_STATEFUL = {
    ("metrics", "sum minutes"): Uid.METRICS_WINDOW,
}
_ROLES = {
    "Calc": "project",
    "Correlate": "explode",
    "Explode": "explode",
    "SinkConversion": "to stream",
    "WatermarkAssigner": "event time",
    "LocalWindowAggregate": "local sums",
    "GlobalWindowAggregate": "sum minutes",
    "exploded_decisions": "to table",
    "exploded_alerts": "to table",
    "exploded_merchant_metrics": "to table",
    "refused": "to table",
    "minute_totals": "to table",
}
# Partitioning and union are edges of the graph and not operators.
_EDGES = ("PartitionTransformation", "UnionTransformation")


class UnknownOperatorError(Exception):
    """The planner made an operator of a kind that has no name here."""


def name_operators(environment: StreamExecutionEnvironment) -> None:
    """Name all operators of the environment, and send the output of stages without a buffer timeout.

    Raises:
        UnknownOperatorError: an operator has no name, and would lose its state with the next change of the planner.
    """
    named: set[int] = set()
    for end in environment._j_stream_execution_environment.getTransformations():
        place = _kind(end)
        if place not in _STAGES and place not in _SINKS:
            continue  # the end of a query that a stage or another query reads: named with its reader
        roles: Counter[str] = Counter()
        for operator in _upstream(end, named):
            _name(operator, place, roles)
            # Behind a stage nothing follows a batch for milliseconds, so a buffer must not wait for more. In front of
            # the first stage single records do wait (``execution.buffer-timeout.interval``).
            if place != "user stage":
                operator.setBufferTimeout(0)


def _upstream(operator: Any, named: set[int]) -> Iterator[Any]:  # noqa: ANN401 - a Java object
    """The operator and everything upstream that has no name yet, without edges."""
    if operator.getId() in named:
        return
    named.add(operator.getId())
    if operator.getClass().getSimpleName() not in _EDGES:
        yield operator
    for before in operator.getInputs():
        yield from _upstream(before, named)


def _name(operator: Any, place: str, roles: Counter[str]) -> None:  # noqa: ANN401 - a Java object
    kind = _kind(operator)
    known = _STAGES.get(kind) or _SINKS.get(kind) or _SOURCES.get(kind) or _MINI_BATCHES.get(kind)
    if known is not None:
        operator.setUid(known.value)
        operator.setName(known.value.replace("-", " "))
        return
    role = _ROLES.get(kind)
    if role is None:
        raise UnknownOperatorError(
            f"the operator {operator.getName()!r} in front of {place!r} has no name: add its kind to _ROLES"
        )
    roles[role] += 1
    uid = _STATEFUL.get((place, role))
    if uid is None:
        operator.setUid(f"{place} {role} {roles[role]}".replace(" ", "-").replace("_", "-"))
        operator.setName(role)
    else:
        operator.setUid(uid.value)
        operator.setName(uid.value.replace("-", " "))


def _kind(operator: Any) -> str:  # noqa: ANN401 - a Java object
    """The kind of an operator: ``Calc`` for ``Calc[12]``."""
    return re.sub(r"(\[\d+\])?(: .*)?$", "", str(operator.getName()))
