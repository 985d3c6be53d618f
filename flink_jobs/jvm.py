"""Access to the JVM of the client that builds the job: arrays, and operators of ``flink_jobs/java``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from py4j.java_gateway import JavaObject, JVMView
from pyflink.java_gateway import get_gateway


def jvm() -> JVMView:
    """The JVM."""
    return get_gateway().jvm


def edge() -> JVMView:
    """The package of ``flink_jobs/java``.

    Raises:
        RuntimeError: the jar is not on the class path of Flink's client.
    """
    package = jvm().sentinel.edge
    if not callable(package.KeyedStates):
        raise RuntimeError("Flink's lib folder has no sentinel-edge.jar: run deploy/setup.sh, or add it to the cluster")
    return package


def strings(values: Sequence[str]) -> JavaObject:
    """A ``String[]``."""
    return _array(jvm().String, values)


def longs(values: Sequence[int]) -> JavaObject:
    """A ``long[]``."""
    return _array(jvm().long, values)


def ints(values: Sequence[int]) -> JavaObject:
    """An ``int[]``."""
    return _array(jvm().int, values)


def properties(values: Mapping[str, str]) -> JavaObject:
    """A ``java.util.Properties``."""
    made = jvm().java.util.Properties()
    for name, value in values.items():
        made.setProperty(name, value)
    return made


def operator(
    stream: JavaObject, uid: str, factory: JavaObject, output_type: JavaObject, parallelism: int | None = None
) -> JavaObject:
    """Add an operator behind a stream.

    Args:
        stream: Java ``DataStream``.
        uid: of the operator; its name is the uid in words.
        factory: of the operator.
        output_type: type information of its rows.
        parallelism: None for that of the stream.

    Returns:
        Java ``DataStream`` of its output.
    """
    flink = jvm().org.apache.flink.streaming.api
    transformation = flink.transformations.OneInputTransformation(
        stream.getTransformation(),
        uid.replace("-", " "),
        factory,
        output_type,
        stream.getParallelism() if parallelism is None else parallelism,
    )
    transformation.setUid(uid)
    return flink.datastream.DataStream(stream.getExecutionEnvironment(), transformation)


def _array(kind: JavaObject, values: Sequence[object]) -> JavaObject:
    made = get_gateway().new_array(kind, len(values))
    for place, value in enumerate(values):
        made[place] = value
    return made
