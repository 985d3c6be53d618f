"""Exploding: the rows of arrays that a stage emits become records again, one for each element.

A stage emits one row for each batch, since every row that crosses from Python to Java costs. SQL's UNNEST works only on
table data, and copies all other columns with each element. ``Explode.java`` takes references out of the row instead,
in the task of the stage, and reads only the columns that it explodes.
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
    """Explode a column of shard keys and a column of records into a stream of ``RECORD``."""
    return _explode(rows, (shards, records), RECORD.get_java_type_info(), to_table=False)


def explode_table(
    tables: StreamTableEnvironment,
    view: str,
    stages: Sequence[DataStream],
    columns: Mapping[str, str],
    schema: Schema | None = None,
) -> None:
    """Declare a view with a row for each element of arrays.

    Args:
        tables: where to declare it.
        view: its name.
        stages: streams of rows of arrays.
        columns: array columns of equal length, and the SQL type of their elements: BYTES, BIGINT or DOUBLE, whose table
            form is the form that Java gets from Python (that of STRING is not).
        schema: additional columns and the watermark of the view.
    """
    jvm = get_gateway().jvm
    elements = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    row_type = jvm.org.apache.flink.table.types.logical.utils.LogicalTypeParser.parse(
        f"ROW<{elements}>", jvm.Thread.currentThread().getContextClassLoader()
    )
    # The operator emits table data, which SQL reads without conversion.
    kind = jvm.org.apache.flink.table.runtime.typeutils.InternalTypeInfo.of(row_type)
    exploded = [_explode(rows, tuple(columns), kind, to_table=True) for rows in stages]
    stream = reduce(DataStream.union, exploded)
    if schema is None:
        tables.create_temporary_view(view, stream)
    else:
        tables.create_temporary_view(view, stream, schema)


def _explode(rows: DataStream, columns: Sequence[str], kind: JavaObject, *, to_table: bool) -> DataStream:
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
