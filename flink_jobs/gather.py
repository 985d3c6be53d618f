"""Gathering: records become short batches, one stream of batches for each shard.

Crossing from Java to Python once for each event is what makes PyFlink slow, so Java gathers first: a processing-time
window of some ten milliseconds collects what came for a shard, in RocksDB, so that checkpoints carry what is gathered
and not yet processed. The stage runs in the window's own task. While Python is busy the window reads nothing, and the
next batch is the larger for it: batches follow the load by themselves, and no queue of small ones can form.
"""

from __future__ import annotations

from pyflink.common import Types
from pyflink.datastream import KeyedStream
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

from flink_jobs.shards import Shards

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
BATCH = Types.ROW([Types.LONG(), Types.OBJECT_ARRAY(BYTES)])


def gather(tables: StreamTableEnvironment, view: str, shards: Shards, length_ms: int) -> KeyedStream:
    """Gather a view of ``(shard, record, arrived)`` into batches keyed by shard.

    Args:
        tables: where the view is.
        view: its name.
        shards: whose keys the view's ``shard`` column holds.
        length_ms: how long a batch gathers.
    """
    stream_key = " ".join(
        f"WHEN {sql} THEN CAST({stream} AS BIGINT)" for sql, stream in zip(shards.sql, shards.stream, strict=True)
    )
    batches = tables.sql_query(f"""
        SELECT CASE shard {stream_key} END AS shard, batch
        FROM (
            SELECT shard, ARRAY_AGG(record) AS batch
            FROM TABLE(TUMBLE(TABLE {view}, DESCRIPTOR(arrived), INTERVAL '{length_ms / 1000:.3f}' SECOND(1, 3)))
            GROUP BY shard, window_start, window_end
        )
    """)
    stream = tables.to_append_stream(batches, BATCH)
    jvm = get_gateway().jvm
    # Not keyBy, which would send batches through the network: shards.py sees to it that both keys of a shard are in
    # one key group, so the stream is partitioned already as keyBy would do it.
    keyed = jvm.org.apache.flink.streaming.api.datastream.DataStreamUtils.reinterpretAsKeyedStream(
        stream._j_data_stream,
        jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector(),
        Types.ROW([Types.LONG()]).get_java_type_info(),
    )
    return KeyedStream(keyed, BATCH, stream)
