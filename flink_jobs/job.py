"""The job. Read from top to bottom it is the picture in the README.

events -> gather by user -> user stage -> gather by merchant -> merchant stage -> decisions, alerts,
dead letters, metrics; control goes to every shard of both stages.
"""

from __future__ import annotations

import sys

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from flink_jobs import sinks, sources, stages, wiring
from flink_jobs.environment import create_environment
from flink_jobs.gather import gather
from flink_jobs.metrics import write_metrics
from flink_jobs.operators import name_operators
from flink_jobs.settings import Settings, SettingsError, load_settings
from flink_jobs.shards import find_shards
from flink_jobs.wiring import ModelRefusedError


def build(settings: Settings) -> StreamExecutionEnvironment:
    """Lay the job out; nothing runs before the environment is executed."""
    environment, tables = create_environment(settings)
    job = settings.job
    users, merchants = find_shards(job.shards), find_shards(job.merchant_shards)

    events = sources.read_events(tables, settings, users)
    control = sources.read_control(tables, settings, merchants)

    by_user = gather(tables, events, users, job.gather_ms)
    handed_over = stages.user_stage(by_user, settings, users, merchants)
    tables.create_temporary_view("handed_over", handed_over)

    unfolded = _to_merchants(tables, "handed_over", control)
    by_merchant = gather(tables, unfolded, merchants, job.regather_ms)
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


def _to_merchants(tables: StreamTableEnvironment, handed_over: str, control: str) -> str:
    tables.execute_sql(f"""
        CREATE TEMPORARY VIEW to_merchants AS
        SELECT shards[position_] AS shard, handoff AS record, PROCTIME() AS arrived
        FROM {handed_over} CROSS JOIN UNNEST(handoffs) WITH ORDINALITY AS unfolded (handoff, position_)
        UNION ALL
        SELECT shard, record, arrived FROM {control}
    """)
    return "to_merchants"


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
