"""The Flink environment, with the options that the job sets regardless of the cluster's configuration."""

from __future__ import annotations

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment

from flink_jobs.settings import Settings
from flink_jobs.shards import MAX_PARALLELISM


def create_environment(settings: Settings) -> StreamExecutionEnvironment:
    """Create the stream environment."""
    configuration = Configuration()
    for key, value in _options(settings).items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(settings.job.parallelism)
    return environment


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
        # Records of one fetch share buffers; stages send without delay (``flink_jobs.explode``).
        "execution.buffer-timeout.interval": "1 ms",
    }
