"""The job graph; read from top to bottom it is the picture in the docs (``docs/concepts/architecture.md``).

events -> mini-batch by user -> user stage -> mini-batch by device -> device stage -> mini-batch by merchant ->
merchant stage -> decisions, alerts, dead letters, metrics. Payments without a device go from the user stage to the
merchant stage directly, and control records to every shard of every stage. Entries of lists go the way of payments, to
the stage of their entity.
"""

from __future__ import annotations

import sys

from pyflink.common import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment

from flink_jobs import jvm, kafka, stages, wiring
from flink_jobs.environment import create_environment
from flink_jobs.explode import explode_messages, explode_records
from flink_jobs.mini_batch import BYTES, mini_batch
from flink_jobs.settings import Settings, SettingsError, load_settings
from flink_jobs.shards import find_shards
from flink_jobs.wiring import ModelRefusedError
from udfs.names import Uid
from udfs.stages.minute_totals import MINUTE_COLUMNS


def build(settings: Settings) -> StreamExecutionEnvironment:
    """Build the job graph; nothing runs before the environment is executed."""
    environment = create_environment(settings)
    job = settings.job
    shards = find_shards(job.shards), find_shards(job.device_shards), find_shards(job.merchant_shards)
    users, devices, merchants = shards

    events = kafka.read_events(environment, settings, users)
    control = kafka.read_control(environment, settings)
    lists = kafka.read_lists(environment, settings, users)

    by_user = mini_batch([events, lists], control, users, Uid.BATCH_BY_USER, job.mini_batch_ms)
    from_users = stages.user_stage(by_user, settings, *shards)
    to_devices = explode_messages(from_users, "to-devices", stages.TO_DEVICES)
    direct = explode_messages(from_users, "to-merchants", stages.TO_MERCHANTS)

    by_device = mini_batch([to_devices], control, devices, Uid.BATCH_BY_DEVICE, job.downstream_mini_batch_ms)
    from_devices = stages.device_stage(by_device, settings, *shards)
    onward = explode_messages(from_devices, "devices-to-merchants", stages.TO_MERCHANTS)

    by_merchant = mini_batch([direct, onward], control, merchants, Uid.BATCH_BY_MERCHANT, job.downstream_mini_batch_ms)
    decided = stages.merchant_stage(by_merchant, settings, *shards)

    _write_refused(from_users, from_devices, settings)
    _write_decisions(decided, settings)
    _write_alerts(decided, settings)
    _write_totals(decided, settings)
    return environment


def _write_refused(from_users: DataStream, from_devices: DataStream, settings: Settings) -> None:
    """Dead letters of the user stage, and what both stages acknowledge."""
    topics, headers = settings.kafka.topics, len(kafka.HEADERS)
    groups = {topics.dead_letters: stages.DEAD_LETTERS, topics.control_log: stages.CONTROL_LOG}
    refused = explode_records(from_users, "refused", groups, headers=headers)
    acknowledged = {topics.control_log: stages.CONTROL_LOG}
    of_devices = explode_records(from_devices, "acknowledged", acknowledged, headers=headers)
    kafka.write(refused.union(of_devices), settings, Uid.DEAD_LETTERS)


def _write_decisions(decided: DataStream, settings: Settings) -> None:
    """Decisions, minutes of merchants, and what becomes of control records: one sink, so that one flush serves all."""
    topics = settings.kafka.topics
    groups = {
        topics.decisions: stages.DECISIONS,
        topics.metrics: stages.METRICS,
        topics.dead_letters: stages.DEAD_LETTERS,
        topics.control_log: stages.CONTROL_LOG,
        topics.control: stages.CONTROL,
    }
    payments = topics.decisions
    records = explode_records(decided, "decided", groups, headers=len(kafka.HEADERS), payments=payments)
    exactly_once = settings.job.decisions_exactly_once
    kafka.write(records, settings, Uid.DECISIONS, exactly_once=exactly_once, payments=payments)


def _write_alerts(decided: DataStream, settings: Settings) -> None:
    """Alerts, exactly once, in a task of their own: committing a transaction must not stop decisions."""
    records = explode_records(decided, "alerted", {settings.kafka.topics.alerts: stages.ALERTS})
    kafka.write(records, settings, Uid.ALERTS, exactly_once=True).disableChaining()


def _write_totals(decided: DataStream, settings: Settings) -> None:
    """Minutes of all merchants together."""
    edge, stream = jvm.edge(), decided._j_data_stream
    names = list(stream.getType().getFieldNames())
    totals = jvm.ints([names.index(name) for name in MINUTE_COLUMNS])
    idle_ms = int(settings.event_time.idle_partition_s * 1000)
    feed = edge.MinuteTotalsFeed.Factory(names.index("watermark"), names.index("minutes"), totals, idle_ms)
    row = Types.ROW([Types.LONG(), Types.PRIMITIVE_ARRAY(Types.DOUBLE())]).get_java_type_info()
    by_subtask = jvm.operator(stream, Uid.TOTALS_OF_SUBTASK.value, feed, row)
    adder = edge.MinuteTotals.Factory(settings.kafka.topics.metrics, jvm.strings(list(MINUTE_COLUMNS)), idle_ms)
    record = Types.ROW([Types.STRING(), BYTES, BYTES]).get_java_type_info()
    minutes = jvm.operator(by_subtask, Uid.MINUTE_TOTALS.value, adder, record, parallelism=1)
    kafka.write(DataStream(minutes), settings, Uid.METRICS).setParallelism(1)


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
