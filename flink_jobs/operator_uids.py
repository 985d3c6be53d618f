"""A uid and a readable name for every operator, also for those that SQL made.

Flink finds the state in a savepoint by operator uid. SQL's planner numbers its operators, and a number changes when a
query before it changes. So each is named here by its place: the stage or sink it works for, and what it does there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pyflink.datastream import StreamExecutionEnvironment

from udfs.names import Uid

# Ends of branches: everything upstream of one, up to the end of another, works for it.
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
_GATHERED = {uid.value: uid for uid in (Uid.BATCH_BY_USER, Uid.BATCH_BY_DEVICE, Uid.BATCH_BY_MERCHANT)}
_STATEFUL = {
    ("user stage", "windows of before"): Uid.GATHER_BY_USER,
    ("device stage", "windows of before"): Uid.GATHER_BY_DEVICE,
    ("merchant stage", "windows of before"): Uid.GATHER_BY_MERCHANT,
    ("metrics", "sum minutes"): Uid.METRICS_WINDOW,
}
_ROLES = {
    "Calc": "project",
    "Correlate": "explode",
    "Explode": "explode",
    "Expand": "per merchant and overall",
    "SinkConversion": "to stream",
    "WindowAggregate": "windows of before",
    "WatermarkAssigner": "event time",
    "LocalWindowAggregate": "sum in front",
    "GlobalWindowAggregate": "sum minutes",
    "unfolded_decisions": "to table",
    "unfolded_alerts": "to table",
    "unfolded_merchant_metrics": "to table",
    "refused": "to table",
    "tallied": "to table",
    "idle_for_user": "nothing",
    "idle_for_device": "nothing",
    "idle_for_merchant": "nothing",
}
# Partitioning and union are edges of the graph and not operators.
_EDGES = ("PartitionTransformation", "UnionTransformation")


class UnknownOperatorError(Exception):
    """The planner made an operator that has no name here."""


def name_operators(environment: StreamExecutionEnvironment) -> None:
    """Name everything that has been added to the environment, and have what batches leave behind sent at once.

    Raises:
        UnknownOperatorError: for an operator that is not listed here, which would lose its state in the next version.
    """
    named: set[int] = set()
    for end in environment._j_stream_execution_environment.getTransformations():
        place = _kind(end)
        if place not in _STAGES and place not in _SINKS:
            continue  # the end of a query that a stage or another query reads: named with its reader
        roles: Counter[str] = Counter()
        for operator in _upstream(end, named):
            _name(operator, place, roles)
            # What comes of a batch is the last for some milliseconds: there is nothing to wait for. Single records,
            # which come in front of the first stage, wait for others (``execution.buffer-timeout.interval``).
            if place != "user stage":
                operator.setBufferTimeout(0)


def _upstream(operator: Any, named: set[int]) -> Iterator[Any]:  # noqa: ANN401 - a Java object
    """The operator and all in front of it that were not met before, edges left out."""
    if operator.getId() in named:
        return
    named.add(operator.getId())
    if operator.getClass().getSimpleName() not in _EDGES:
        yield operator
    for before in operator.getInputs():
        yield from _upstream(before, named)


def _name(operator: Any, place: str, roles: Counter[str]) -> None:  # noqa: ANN401 - a Java object
    kind = _kind(operator)
    known = _STAGES.get(kind) or _SINKS.get(kind) or _SOURCES.get(kind) or _GATHERED.get(kind)
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
    """The planner's name of an operator without its number: ``Calc[12]`` is a ``Calc``."""
    return re.sub(r"(\[\d+\])?(: .*)?$", "", str(operator.getName()))
