"""The running job, for commands that act on it."""

from __future__ import annotations

from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkRest
from flink_jobs.settings import Settings, load_settings


def running_job() -> tuple[Settings, FlinkRest, Job]:
    """Load the settings, and find the job that they name.

    Returns:
        The settings, the REST API of their cluster, and the job that runs there.

    Raises:
        OperationError: no cluster answers, or the job does not run.
    """
    settings = load_settings()
    rest = FlinkRest(settings.flink.rest_url)
    return settings, rest, rest.running(settings.job.name)
