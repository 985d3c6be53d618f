"""The job graph; read from top to bottom it is the picture in the docs (``docs/concepts/architecture.md``).

events -> mini-batch by user -> user stage -> mini-batch by device -> device stage -> mini-batch by merchant ->
merchant stage -> decisions, alerts, dead letters, metrics. Payments without a device go from the user stage to the
merchant stage directly, and control records to every shard of every stage.
"""

from __future__ import annotations

import sys

from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from flink_jobs import sinks, sources, stages, wiring
from flink_jobs.environment import create_environment
from flink_jobs.explode import explode_records
from flink_jobs.mini_batch import RECORD, mini_batch
from flink_jobs.minute_metrics import write_metrics
from flink_jobs.operator_uids import name_operators
from flink_jobs.settings import Settings, SettingsError, load_settings
from flink_jobs.shards import find_shards
from flink_jobs.wiring import ModelRefusedError
from udfs.names import Uid


def build(settings: Settings) -> StreamExecutionEnvironment:
    """Build the job graph; nothing runs before the environment is executed."""
    environment, tables = create_environment(settings)
    job = settings.job
    users, devices = find_shards(job.shards), find_shards(job.device_shards)
    merchants = find_shards(job.merchant_shards)

    events = sources.read_events(tables, settings, users)
    control_of_users = sources.read_control(tables, settings, sources.CONTROL_OF_USERS, users)
    control_of_devices = sources.read_control(tables, settings, sources.CONTROL_OF_DEVICES, devices)
    control = sources.read_control(tables, settings, sources.CONTROL, merchants)

    to_users = [_records(tables, events), _records(tables, control_of_users)]
    by_user = mini_batch(to_users, Uid.BATCH_BY_USER, job.mini_batch_ms)
    from_users = stages.user_stage(by_user, settings, users, devices, merchants)

    to_devices = [_messages(from_users, "device"), _records(tables, control_of_devices)]
    by_device = mini_batch(to_devices, Uid.BATCH_BY_DEVICE, job.downstream_mini_batch_ms)
    from_devices = stages.device_stage(by_device, settings, devices, merchants)

    messages = [_messages(stage, "merchant") for stage in (from_users, from_devices)]
    to_merchants = [*messages, _records(tables, control)]
    by_merchant = mini_batch(to_merchants, Uid.BATCH_BY_MERCHANT, job.downstream_mini_batch_ms)
    decided = stages.merchant_stage(by_merchant, settings, merchants)

    writes = tables.create_statement_set()
    sinks.write_decisions(tables, writes, settings, decided)
    sinks.write_alerts(tables, writes, settings, decided)
    sinks.write_dead_letters(tables, writes, settings, [from_users, decided])
    write_metrics(tables, writes, settings, decided)
    writes.attach_as_datastream()

    name_operators(environment)
    return environment


def _records(tables: StreamTableEnvironment, view: str) -> DataStream:
    return _stream(tables, f"SELECT shard, record FROM {view}")


def _stream(tables: StreamTableEnvironment, query: str) -> DataStream:
    """Rows of ``(shard, record)`` in the task of their source; a union in SQL would add a task."""
    return tables.to_append_stream(tables.sql_query(query), RECORD)


def _messages(stage: DataStream, entity: str) -> DataStream:
    return explode_records(stage, f"{entity}_shards", f"{entity}_messages")


def main() -> None:
    """Check settings and model, then submit."""
    try:
        settings = load_settings()
        wiring.check_model(settings)
    except (SettingsError, ModelRefusedError) as error:
        sys.exit(f"stream-sentinel: {error}")
    build(settings).execute_async(settings.job.name)


if __name__ == "__main__":
    main()
