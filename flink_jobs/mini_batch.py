"""Mini-batching: the records of a subtask become short batches, so that Python is called once for a batch.

``sentinel.edge.MiniBatch`` is chained to the stage. It flushes a batch as soon as the input is idle, so an idle stage
waits for nothing. While the stage is busy, records gather in the input, and batches grow with the load: the cost per
payment falls. A batch covers all shards of the subtask, so the number of shards costs nothing.

The buffer is not in Flink state. Before a checkpoint barrier it is flushed to the stage, followed by an empty batch, on
which the stage writes what its state lacks: PyFlink has no hook before a snapshot.
"""

from __future__ import annotations

from py4j.java_gateway import JavaObject
from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedStream

from flink_jobs import jvm
from flink_jobs.shards import Shards
from udfs.names import Uid

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
# Shard key, record, number of payments in it, and when it left the operator before (epoch us): see PaymentTimes.
RECORD = Types.ROW([Types.LONG(), BYTES, Types.INT(), Types.LONG()])
BATCH = Types.ROW([Types.LONG(), Types.OBJECT_ARRAY(BYTES)])
LONGEST_MS = 50
"""Age at which a batch is flushed although the input has more."""
FULL_BYTES = 512 * 1024
"""Size at which a batch is flushed although the input has more."""


def mini_batch(
    keyed: list[DataStream], broadcast: DataStream, shards: Shards, uid: Uid, interval_ms: int
) -> KeyedStream:
    """Batch rows of ``RECORD``.

    Args:
        keyed: streams of ``RECORD`` whose rows go to the subtask of their key.
        broadcast: stream of ``RECORD`` whose rows go to every subtask.
        shards: of the stage.
        uid: of the operator.
        interval_ms: least age of a batch, milliseconds.

    Returns:
        Rows of ``(key, records)``, keyed by a key of the subtask.
    """
    java = jvm.jvm()
    flink = java.org.apache.flink.streaming.api
    key_type = Types.ROW([Types.LONG()]).get_java_type_info()
    selector = flink.functions.python.KeyByKeySelector()
    partitioned = [stream._j_data_stream.keyBy(selector, key_type).getTransformation() for stream in keyed]
    everywhere = broadcast._j_data_stream.broadcast().getTransformation()
    inputs: JavaObject = java.java.util.ArrayList()
    for transformation in (*partitioned, everywhere):
        inputs.add(transformation)
    environment = keyed[0]._j_data_stream.getExecutionEnvironment()
    union = flink.datastream.DataStream(environment, flink.transformations.UnionTransformation(inputs))
    # On the union and not on a keyed stream: a keyed operator would open a RocksDB instance that it never uses.
    batches = jvm.operator(
        union,
        uid.value,
        jvm.edge().MiniBatch.Factory(jvm.longs(shards.keys), interval_ms, LONGEST_MS, FULL_BYTES),
        BATCH.get_java_type_info(),
        environment.getParallelism(),
    )
    # Not keyBy, which would shuffle again: the key of a batch is one of its subtask's.
    rekeyed = flink.datastream.DataStreamUtils.reinterpretAsKeyedStream(batches, selector, key_type)
    return KeyedStream(rekeyed, BATCH, keyed[0])
