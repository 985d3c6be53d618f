"""Shards: fixed slices of the entities of a stage, and the Flink keys that spread them evenly over subtasks.

Flink assigns keys to subtasks by hash, which is uneven for as few keys as there are shards (four shards over two
subtasks fell three to one). So the key of a shard is searched for: one whose key group lies in the middle of the equal
share of a shard. Shards then spread evenly at every parallelism that divides their number, and as evenly as possible at
any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from py4j.java_gateway import JavaClass, JVMView
from pyflink.java_gateway import get_gateway

from udfs.stages.stage_message import Routes

MAX_PARALLELISM = 128
"""Number of key groups; fixed for the life of a job's state."""


@dataclass(frozen=True)
class Shards:
    """The shards of a stage.

    Attributes:
        keys: Flink key (LONG) of each shard, by its number.
        key_groups: of the keys.
    """

    keys: tuple[int, ...]
    key_groups: tuple[int, ...]

    def of_subtask(self, subtask: int, parallelism: int) -> list[int]:
        """Numbers of the shards that a subtask owns."""
        return [number for number, owner in enumerate(self._owners(parallelism)) if owner == subtask]

    def subtask_keys(self, parallelism: int) -> dict[int, int]:
        """A Flink key of each subtask that owns a shard."""
        return dict(zip(self._owners(parallelism), self.keys, strict=True))

    def routes(self, parallelism: int) -> Routes:
        """Routes from entities of the stage to its subtasks."""
        return Routes(self._owners(parallelism))

    def _owners(self, parallelism: int) -> list[int]:
        """Subtask of each shard, as Flink assigns key groups."""
        return [group * parallelism // MAX_PARALLELISM for group in self.key_groups]


def find_shards(count: int) -> Shards:
    """Search the keys of ``count`` shards, at most ``MAX_PARALLELISM``; about 0.1 ms for each key that is tried."""
    wanted = [int((shard + 0.5) * MAX_PARALLELISM / count) for shard in range(count)]
    found: dict[int, int] = {}
    key = 0
    while len(found) < len(wanted):
        group = _key_group(key)
        if group in wanted:
            found.setdefault(group, key)
        key += 1
    return Shards(tuple(found[group] for group in wanted), tuple(wanted))


def _key_group(key: int) -> int:
    jvm = _jvm()
    row = jvm.org.apache.flink.types.Row(1)
    row.setField(0, jvm.java.lang.Long.valueOf(key))
    return int(_assignment().assignToKeyGroup(row, MAX_PARALLELISM))


def _assignment() -> JavaClass:
    return _jvm().org.apache.flink.runtime.state.KeyGroupRangeAssignment


def _jvm() -> JVMView:
    return get_gateway().jvm
