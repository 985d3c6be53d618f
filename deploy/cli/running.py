"""The job that a command is about."""

from __future__ import annotations

from deploy.clients.flink_rest import FlinkRest, Job
from flink_jobs.settings import Settings, load_settings


def running_job() -> tuple[Settings, FlinkRest, Job]:
    """The settings, their cluster, and the job of theirs that runs there.

    Raises:
        OperationError: no cluster answers, or no such job runs.
    """
    settings = load_settings()
    rest = FlinkRest(settings.flink.rest_url)
    return settings, rest, rest.running(settings.job.name)
