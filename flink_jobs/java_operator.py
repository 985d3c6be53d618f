"""Operators of our own, in Java: one file each, shipped as text, which Flink compiles where it runs.

As it does with the operators that SQL makes. So the job needs no build of its own and no jar.
"""

from __future__ import annotations

from pathlib import Path

from py4j.java_gateway import JavaObject
from pyflink.java_gateway import get_gateway

_HERE = Path(__file__).parent


def operator_factory(name: str, *references: object) -> JavaObject:
    """A factory of the operator in the file of that name, which is given the references when it is made."""
    gateway = get_gateway()
    jvm = gateway.jvm
    given = gateway.new_array(jvm.Object, len(references))
    for place, reference in enumerate(references):
        given[place] = reference
    code = jvm.org.apache.flink.table.runtime.generated.GeneratedOperator(
        name, (_HERE / f"{name}.java").read_text(), given, jvm.org.apache.flink.configuration.Configuration()
    )
    return jvm.org.apache.flink.table.runtime.operators.CodeGenOperatorFactory(code)
