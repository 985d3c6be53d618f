"""Mini-batching: records become short batches of one shard, so that Python is called once for a batch.

``MiniBatch.java`` buffers the records of each shard and flushes them at an interval. It is chained to the stage: while
Python is busy nothing is read, and the next batch is larger. The interval adapts: it is at least the time that the
previous batch took. Under load batches grow, and the cost per payment falls. A batch is flushed early when the buffered
records of the task exceed ``FULL_BYTES``.

The buffer is not in Flink state. Before a checkpoint barrier it is flushed to the stage, followed by an empty batch for
each shard, on which the stage writes what its state lacks: PyFlink has no hook before a snapshot.
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
"""Longest interval of a mini-batch, in multiples of the least one."""
FULL_BYTES = 512 * 1024
"""Bytes buffered for all shards of a task at which it flushes early."""


def mini_batch(streams: Sequence[DataStream], uid: Uid, interval_ms: int) -> KeyedStream:
    """Batch rows of ``(shard, record)`` by shard.

    Args:
        streams: two or more streams of ``RECORD``.
        uid: of the operator.
        interval_ms: least interval of the mini-batches, milliseconds.
    """
    jvm = get_gateway().jvm
    first, *others = streams
    records = first.union(*others)
    key_type = Types.ROW([Types.LONG()]).get_java_type_info()
    selector = jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector()
    by_shard = records._j_data_stream.keyBy(selector, key_type)
    # On the partitioned stream, not the keyed one: a keyed operator would open a RocksDB instance that it never uses.
    transformation = jvm.org.apache.flink.streaming.api.transformations.OneInputTransformation(
        by_shard.getTransformation(),
        uid.value,
        operator_factory("MiniBatch", interval_ms, MAX_STRETCH * interval_ms, FULL_BYTES),
        BATCH.get_java_type_info(),
        by_shard.getParallelism(),
    )
    batches = jvm.org.apache.flink.streaming.api.datastream.DataStream(
        by_shard.getExecutionEnvironment(), transformation
    )
    # Not keyBy, which would shuffle again: the stream is already partitioned by this key.
    keyed = jvm.org.apache.flink.streaming.api.datastream.DataStreamUtils.reinterpretAsKeyedStream(
        batches, selector, key_type
    )
    return KeyedStream(keyed, BATCH, records)
