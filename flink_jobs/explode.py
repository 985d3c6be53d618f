"""Exploding: the rows of arrays that a stage emits become records again, one for each element.

A stage emits one row for each batch, since every row that crosses from Python to Java costs. ``sentinel.edge.Explode``
and ``ExplodeMessages`` take references out of the row in the task of the stage, and read only the columns that they
explode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from py4j.java_gateway import JavaObject
from pyflink.common import TypeInformation, Types
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway

from flink_jobs import jvm
from flink_jobs.mini_batch import BYTES, RECORD


def explode_messages(stage: DataStream, uid: str, columns: Sequence[str]) -> DataStream:
    """Explode columns of keys, messages and numbers of payments into rows of ``RECORD``, which are sent at once."""
    names = _columns(stage)
    function = jvm.edge().ExplodeMessages(*(names.index(column) for column in columns))
    return _explode(stage, uid, function, RECORD)


def explode_records(
    stage: DataStream, uid: str, topics: Mapping[str, Sequence[str]], headers: int = 0, payments: str = ""
) -> DataStream:
    """Explode groups of columns into rows of (topic, key, value, header values).

    Args:
        stage: rows of arrays.
        uid: of the operator.
        topics: columns of keys, of values and of header values, by topic.
        headers: number of header values in a row; groups without them leave them null.
        payments: topic whose records are payments that leave the task.
    """
    names, gateway = _columns(stage), get_gateway()
    positions = gateway.new_array(gateway.jvm.int, len(topics), max(map(len, topics.values())))
    for place, group in enumerate(topics.values()):
        positions[place] = jvm.ints([names.index(column) for column in group])
    row = Types.ROW([Types.STRING(), *[BYTES] * (2 + headers)])
    function = jvm.edge().Explode(positions, jvm.strings(list(topics)), 3 + headers, payments)
    return _explode(stage, uid, function, row)


def _columns(stage: DataStream) -> list[str]:
    return list(stage._j_data_stream.getType().getFieldNames())


def _explode(stage: DataStream, uid: str, function: JavaObject, kind: TypeInformation) -> DataStream:
    exploded = stage._j_data_stream.flatMap(function, kind.get_java_type_info()).uid(uid).name(uid.replace("-", " "))
    # Nothing follows a batch for milliseconds, so a network buffer must not wait for more.
    exploded.setBufferTimeout(0)
    return DataStream(exploded)
