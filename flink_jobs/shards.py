"""Shards: fixed slices of the key space, each with keys that put it where we want it.

Flink decides by a key's hash which subtask gets it, and with as few keys as there are shards that falls unevenly (four
shards over two subtasks fell three to one). So a shard's key is searched for, not taken: one whose key group lies in
the middle of the shard's equal share of all key groups. Then shards spread evenly at every parallelism that divides
their number, and as evenly as can be at any other.

A shard has a second such key: that of SQL's rows, which Flink hashes differently. The windows of versions before were
keyed by it (``flink_jobs.windows``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from py4j.java_gateway import JavaClass, JVMView
from pyflink.java_gateway import get_gateway

MAX_PARALLELISM = 128
"""Key groups; fixed for the life of a job's state."""


@dataclass(frozen=True)
class Shards:
    """The keys of every shard, by its number.

    Attributes:
        sql: keys (BIGINT) of SQL's rows, in savepoints of versions before.
        stream: keys (LONG) of DataStream's rows.
    """

    sql: tuple[int, ...]
    stream: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.stream)


def find_shards(count: int) -> Shards:
    """Search the keys of ``count`` shards, at most ``MAX_PARALLELISM``. About 0.1 ms a key that is tried."""
    wanted = [int((shard + 0.5) * MAX_PARALLELISM / count) for shard in range(count)]
    return Shards(_search(wanted, _sql_key_group), _search(wanted, _stream_key_group))


def _search(wanted: list[int], key_group: Callable[[int], int]) -> tuple[int, ...]:
    found: dict[int, int] = {}
    key = 0
    while len(found) < len(wanted):
        group = key_group(key)
        if group in wanted:
            found.setdefault(group, key)
        key += 1
    return tuple(found[group] for group in wanted)


def _sql_key_group(key: int) -> int:
    jvm = _jvm()
    row = jvm.org.apache.flink.table.data.binary.BinaryRowData(1)
    writer = jvm.org.apache.flink.table.data.writer.BinaryRowWriter(row)
    writer.writeLong(0, key)
    writer.complete()
    return int(_assignment().computeKeyGroupForKeyHash(row.hashCode(), MAX_PARALLELISM))


def _stream_key_group(key: int) -> int:
    jvm = _jvm()
    row = jvm.org.apache.flink.types.Row(1)
    row.setField(0, jvm.java.lang.Long.valueOf(key))
    return int(_assignment().assignToKeyGroup(row, MAX_PARALLELISM))


def _assignment() -> JavaClass:
    return _jvm().org.apache.flink.runtime.state.KeyGroupRangeAssignment


def _jvm() -> JVMView:
    return get_gateway().jvm
