"""Gathering: records become short batches, one stream of batches for each shard.

Crossing from Java to Python once for each event is what makes PyFlink slow, so Java gathers first, in the very task of
the stage: what came for a shard within some milliseconds is one batch. While Python is busy nothing is read, and the
next batch is the larger for it; and it gathers for as long as the last one took, so that batches follow the load by
themselves. It ends early when it is full: of a backlog there is always more, and what is handed over as a block must
not grow without bound.

What is gathered is in no state. Before a checkpoint all of it is handed to the stage, and behind it an empty batch of
each shard, upon which the stage writes what its state lacks: PyFlink has no call before a snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedStream
from pyflink.java_gateway import get_gateway

from flink_jobs.java_operator import operator_factory
from udfs.names import Uid

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
RECORD = Types.ROW([Types.LONG(), BYTES])
BATCH = Types.ROW([Types.LONG(), Types.OBJECT_ARRAY(BYTES)])
MAX_STRETCH = 5
"""A batch gathers at most so many times as long as it would at least."""
FULL_BYTES = 512 * 1024
"""When a task has gathered so much for all of its shards, it hands over what it has."""


def mini_batch(streams: Sequence[DataStream], uid: Uid, length_ms: int) -> KeyedStream:
    """MiniBatch rows of ``(shard, record)`` into batches keyed by shard.

    Args:
        streams: two or more of ``RECORD``, whose rows are gathered together.
        uid: of the operator.
        length_ms: how long a batch gathers at least.
    """
    jvm = get_gateway().jvm
    first, *others = streams
    records = first.union(*others)
    key_type = Types.ROW([Types.LONG()]).get_java_type_info()
    selector = jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector()
    by_shard = records._j_data_stream.keyBy(selector, key_type)
    # Of the partitioned stream and not of the keyed one: an operator with a key would be given a RocksDB for nothing.
    transformation = jvm.org.apache.flink.streaming.api.transformations.OneInputTransformation(
        by_shard.getTransformation(),
        uid.value,
        operator_factory("MiniBatch", length_ms, MAX_STRETCH * length_ms, FULL_BYTES),
        BATCH.get_java_type_info(),
        by_shard.getParallelism(),
    )
    gathered = jvm.org.apache.flink.streaming.api.datastream.DataStream(
        by_shard.getExecutionEnvironment(), transformation
    )
    # Not keyBy, which would send batches through the network: the stream is partitioned already as keyBy would do it.
    keyed = jvm.org.apache.flink.streaming.api.datastream.DataStreamUtils.reinterpretAsKeyedStream(
        gathered, selector, key_type
    )
    return KeyedStream(keyed, BATCH, records)
