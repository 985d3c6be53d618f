"""The Flink environment, with the options that the job sets regardless of the cluster's configuration."""

from __future__ import annotations

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from flink_jobs.settings import Settings
from flink_jobs.shards import MAX_PARALLELISM


def create_environment(settings: Settings) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    """Create the stream environment and its table environment."""
    configuration = Configuration()
    for key, value in _options(settings).items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(settings.job.parallelism)
    return environment, StreamTableEnvironment.create(environment)


def _options(settings: Settings) -> dict[str, str]:
    job = settings.job
    return {
        "pipeline.max-parallelism": str(MAX_PARALLELISM),
        # Safe: no operator of the job keeps a row after it has emitted it.
        "pipeline.object-reuse": "true",
        # Must not change with existing state: a savepoint of one execution mode restores empty in the other.
        "python.execution-mode": "thread",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{job.checkpoint_interval_ms} ms",
        "execution.checkpointing.min-pause": f"{job.checkpoint_interval_ms // 2} ms",
        "execution.checkpointing.timeout": "10 min",
        # Failing checkpoints (a full disk) must not stop decisions; alerts wait for the next successful one.
        "execution.checkpointing.tolerable-failed-checkpoints": "1000000",
        # A checkpoint flushes memtables synchronously: cheap flushes keep the pause short.
        "state.backend.rocksdb.thread.num": "4",
        "state.backend.rocksdb.compression.per.level": "NO_COMPRESSION",
        "execution.buffer-timeout.interval": "5 ms",
        "table.exec.resource.default-parallelism": str(job.parallelism),
        "table.exec.source.idle-timeout": f"{int(settings.event_time.idle_partition_s * 1000)} ms",
        "table.local-time-zone": "UTC",
    }
