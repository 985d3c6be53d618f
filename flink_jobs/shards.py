"""Shards: fixed slices of the key space, each with keys that put it where we want it.

Flink decides by a key's hash which subtask gets it, and with as few keys as there are shards that falls unevenly (four
shards over two subtasks fell three to one). So a shard's key is searched for, not taken: one whose key group lies in
the middle of the shard's equal share of all key groups. Then shards spread evenly at every parallelism that divides
their number, and as evenly as can be at any other.

The windows of versions before were keyed by other keys: those of SQL's rows, which Flink hashes differently
(``find_sql_keys``, for ``flink_jobs.windows``).
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
    """The key (LONG) of every shard, by its number."""

    keys: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.keys)


def find_shards(count: int) -> Shards:
    """Search the keys of ``count`` shards, at most ``MAX_PARALLELISM``. About 0.1 ms a key that is tried."""
    return Shards(_search(count, _stream_key_group))


def find_sql_keys(count: int) -> tuple[int, ...]:
    """The keys (BIGINT) of so many shards that SQL's windows had, in the key groups of the others."""
    return _search(count, _sql_key_group)


def _search(count: int, key_group: Callable[[int], int]) -> tuple[int, ...]:
    wanted = [int((shard + 0.5) * MAX_PARALLELISM / count) for shard in range(count)]
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
