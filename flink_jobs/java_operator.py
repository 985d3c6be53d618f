"""Custom operators in Java: one file each, shipped as source that Flink compiles on the cluster.

Flink compiles the operators of its SQL planner in the same way; so the job needs no build and no jar.
"""

from __future__ import annotations

from pathlib import Path

from py4j.java_gateway import JavaObject
from pyflink.java_gateway import get_gateway

_HERE = Path(__file__).parent


def operator_factory(name: str, *references: object) -> JavaObject:
    """Make a factory of the operator in ``<name>.java``; ``references`` are the arguments of its constructor."""
    gateway = get_gateway()
    jvm = gateway.jvm
    arguments = gateway.new_array(jvm.Object, len(references))
    for place, reference in enumerate(references):
        arguments[place] = reference
    code = jvm.org.apache.flink.table.runtime.generated.GeneratedOperator(
        name, (_HERE / f"{name}.java").read_text(), arguments, jvm.org.apache.flink.configuration.Configuration()
    )
    return jvm.org.apache.flink.table.runtime.operators.CodeGenOperatorFactory(code)
