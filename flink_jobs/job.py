"""The job. Read from top to bottom it is the picture in the README.

events -> gather by user -> user stage -> gather by device -> device stage -> gather by merchant -> merchant stage ->
decisions, alerts, dead letters, metrics. What names no device goes from the user stage to the merchants at once, and
control to every shard of every stage.
"""

from __future__ import annotations

import sys

from pyflink.datastream import StreamExecutionEnvironment

from flink_jobs import sinks, sources, stages, wiring
from flink_jobs.environment import create_environment
from flink_jobs.gather import gather
from flink_jobs.metrics import write_metrics
from flink_jobs.operators import name_operators
from flink_jobs.settings import Settings, SettingsError, load_settings
from flink_jobs.shards import Shards, find_shards
from flink_jobs.windows import left_in_windows
from flink_jobs.wiring import ModelRefusedError
from udfs.names import Uid


def build(settings: Settings) -> StreamExecutionEnvironment:
    """Lay the job out; nothing runs before the environment is executed."""
    environment, tables = create_environment(settings)
    job = settings.job
    users, devices = find_shards(job.shards), find_shards(job.device_shards)
    merchants = find_shards(job.merchant_shards)

    events = sources.read_events(tables, settings, users)
    control_of_users = sources.read_control(tables, settings, sources.CONTROL_OF_USERS, users)
    control_of_devices = sources.read_control(tables, settings, sources.CONTROL_OF_DEVICES, devices)
    control = sources.read_control(tables, settings, sources.CONTROL, merchants)

    def left_in(stage: str, shards: Shards) -> list[str]:
        """What a savepoint of before may hold, in the one job that is to read it."""
        return [left_in_windows(tables, stage, shards)] if job.read_windows else []

    to_users = [_records(events), _records(control_of_users), *left_in("user", users)]
    by_user = gather(tables, to_users, Uid.BATCH_BY_USER, job.gather_ms)
    handed_over = stages.user_stage(by_user, settings, users, devices, merchants)
    tables.create_temporary_view("handed_over", handed_over)

    to_devices = [
        _unfolded("handed_over", "device"),
        _records(control_of_devices),
        *left_in("device", devices),
    ]
    by_device = gather(tables, to_devices, Uid.BATCH_BY_DEVICE, job.regather_ms)
    passed_on = stages.device_stage(by_device, settings, devices, merchants)
    tables.create_temporary_view("passed_on", passed_on)

    handoffs = [_unfolded(view, "merchant") for view in ("handed_over", "passed_on")]
    to_merchants = [*handoffs, _records(control), *left_in("merchant", merchants)]
    by_merchant = gather(tables, to_merchants, Uid.BATCH_BY_MERCHANT, job.regather_ms)
    decided = stages.merchant_stage(by_merchant, settings, merchants)
    tables.create_temporary_view("decided", decided)

    writes = tables.create_statement_set()
    sinks.write_decisions(tables, writes, settings, "decided")
    sinks.write_alerts(tables, writes, settings, "decided")
    sinks.write_dead_letters(tables, writes, settings, ["handed_over", "decided"])
    write_metrics(tables, writes, settings, "decided")
    writes.attach_as_datastream()

    name_operators(environment)
    return environment


def _records(view: str) -> str:
    return f"SELECT shard, record FROM {view}"


def _unfolded(view: str, entity: str) -> str:
    return f"""
        SELECT {entity}_shards[position_] AS shard, handoff AS record
        FROM {view} CROSS JOIN UNNEST({entity}_handoffs) WITH ORDINALITY AS unfolded (handoff, position_)
    """


def main() -> None:
    """Check everything that can be checked beforehand, then submit."""
    try:
        settings = load_settings()
        wiring.check_model(settings)
    except (SettingsError, ModelRefusedError) as error:
        sys.exit(f"stream-sentinel: {error}")
    build(settings).execute_async(settings.job.name)


if __name__ == "__main__":
    main()
