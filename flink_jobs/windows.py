"""What a savepoint of before holds in SQL windows is read out once, and goes where it was to go.

Versions before gathered in windows, and what had been gathered when a savepoint was taken is in their state. So the
first job that is restored from such a savepoint has these windows too; nothing comes in, and what they hold they give
back at once. The next one does without (``deploy.upgrade``).
"""

from __future__ import annotations

from pyflink.table import StreamTableEnvironment

from flink_jobs.shards import Shards, find_sql_keys


def left_in_windows(tables: StreamTableEnvironment, stage: str, shards: Shards) -> str:
    """A query of the records, ``(shard, record)``, that the windows in front of a stage hold.

    Args:
        tables: where to declare what it reads.
        stage: whose windows, for names.
        shards: of the stage.
    """
    # Rows that are let go at once: an input without any ends, and the windows with it.
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE idle_for_{stage} (shard BIGINT, record BYTES)
        WITH ('connector' = 'datagen', 'rows-per-second' = '1')
    """)
    tables.execute_sql(f"""
        CREATE TEMPORARY VIEW nothing_for_{stage} AS
        SELECT shard, record, PROCTIME() AS arrived FROM idle_for_{stage} WHERE CHAR_LENGTH(CAST(record AS STRING)) < 0
    """)
    # State and timers name the end of a window; how long they are here does not matter.
    tables.execute_sql(f"""
        CREATE TEMPORARY VIEW windows_of_{stage} AS
        SELECT shard, ARRAY_AGG(record) AS batch
        FROM TABLE(TUMBLE(
            TABLE nothing_for_{stage}, DESCRIPTOR(arrived), INTERVAL '0.020' SECOND(1, 3)
        ))
        GROUP BY shard, window_start, window_end
    """)
    cases = " ".join(
        f"WHEN {sql} THEN CAST({key} AS BIGINT)"
        for sql, key in zip(find_sql_keys(len(shards)), shards.keys, strict=True)
    )
    return f"""
        SELECT CASE shard {cases} END AS shard, record
        FROM windows_of_{stage} CROSS JOIN UNNEST(batch) AS unfolded (record)
    """
