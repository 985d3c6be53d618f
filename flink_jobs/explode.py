"""Unfolding: a stage's rows of arrays become records again, one for each element.

A stage emits one row a batch, since every row that Python gives to Java costs. SQL can unfold arrays, too (UNNEST), but
only arrays that are table data, and with each element it copies all the arrays that stand beside it: that was a tenth
of all that the TaskManagers did in a drain. The operator here takes references out of the row as the stage left it, in
the stage's own task, and looks at nothing but the columns that it unfolds. So a stage may emit what it has in one row,
and what is empty costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from py4j.java_gateway import JavaObject
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway
from pyflink.table import Schema, StreamTableEnvironment

from flink_jobs.java_operator import operator_factory
from flink_jobs.mini_batch import RECORD

_NAME = "Explode"


def explode_records(rows: DataStream, shards: str, records: str) -> DataStream:
    """A stream of ``(shard, record)``, as it is gathered, from a column of shards' keys and one of records."""
    return _unfold(rows, (shards, records), RECORD.get_java_type_info(), to_table=False)


def explode_table(
    tables: StreamTableEnvironment,
    view: str,
    stages: Sequence[DataStream],
    columns: Mapping[str, str],
    schema: Schema | None = None,
) -> None:
    """Declare a view whose rows are elements of arrays.

    Args:
        tables: where to declare it.
        view: its name.
        stages: rows of arrays, of one stage or more.
        columns: which arrays to unfold side by side, and the SQL type of their elements: BYTES, BIGINT or DOUBLE, which
            tables hold in the form that Java gets from Python. STRING is none of them.
        schema: what the view has beside them.
    """
    jvm = get_gateway().jvm
    elements = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    row_type = jvm.org.apache.flink.table.types.logical.utils.LogicalTypeParser.parse(
        f"ROW<{elements}>", jvm.Thread.currentThread().getContextClassLoader()
    )
    # Table data already: SQL takes it as it is.
    kind = jvm.org.apache.flink.table.runtime.typeutils.InternalTypeInfo.of(row_type)
    unfolded = [_unfold(rows, tuple(columns), kind, to_table=True) for rows in stages]
    stream = reduce(DataStream.union, unfolded)
    if schema is None:
        tables.create_temporary_view(view, stream)
    else:
        tables.create_temporary_view(view, stream, schema)


def _unfold(rows: DataStream, columns: Sequence[str], kind: JavaObject, *, to_table: bool) -> DataStream:
    """An operator of ``Explode.java`` in the task of the stage."""
    jvm = get_gateway().jvm
    stage = rows._j_data_stream
    names = list(stage.getType().getFieldNames())
    transformation = jvm.org.apache.flink.streaming.api.transformations.OneInputTransformation(
        stage.getTransformation(),
        _NAME,
        operator_factory(_NAME, to_table, *map(names.index, columns)),
        kind,
        stage.getParallelism(),
    )
    return DataStream(
        jvm.org.apache.flink.streaming.api.datastream.DataStream(stage.getExecutionEnvironment(), transformation)
    )
