"""Exploding: the rows of arrays that a stage emits become records again, one for each element.

A stage emits one row for each batch, since every row that crosses from Python to Java costs. ``sentinel.edge.Explode``
takes references out of the row in the task of the stage, and reads only the columns that it explodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyflink.common import TypeInformation, Types
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway

from flink_jobs import jvm
from flink_jobs.mini_batch import BYTES, RECORD


def explode_messages(stage: DataStream, uid: str, keys: str, messages: str) -> DataStream:
    """Explode a column of keys and a column of messages into rows of ``RECORD``, which are sent without delay."""
    return _explode(stage, uid, [(keys, messages)], (), RECORD)


def explode_records(stage: DataStream, uid: str, topics: Mapping[str, Sequence[str]], headers: int = 0) -> DataStream:
    """Explode groups of columns into rows of (topic, key, value, header values).

    Args:
        stage: rows of arrays.
        uid: of the operator.
        topics: columns of keys, of values and of header values, by topic.
        headers: number of header columns of the widest group.
    """
    kind = Types.ROW([Types.STRING(), *[BYTES] * (2 + headers)])
    return _explode(stage, uid, list(topics.values()), list(topics), kind)


def _explode(
    stage: DataStream, uid: str, groups: Sequence[Sequence[str]], tags: Sequence[str], kind: TypeInformation
) -> DataStream:
    stream = stage._j_data_stream
    names = list(stream.getType().getFieldNames())
    gateway = get_gateway()
    positions = gateway.new_array(gateway.jvm.int, len(groups), max(map(len, groups)))
    for place, group in enumerate(groups):
        positions[place] = jvm.ints([names.index(column) for column in group])
    function = jvm.edge().Explode(positions, jvm.strings(tags))
    exploded = stream.flatMap(function, kind.get_java_type_info()).uid(uid).name(uid.replace("-", " "))
    # Nothing follows a batch for milliseconds, so a network buffer must not wait for more.
    exploded.setBufferTimeout(0)
    return DataStream(exploded)
