"""Cancel a job and delete its topics: the last step of benchmarks and fault campaigns."""

from __future__ import annotations

import time

from deploy.clients import topics
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from flink_jobs.settings import Settings

CANCELLED_WITHIN_S = 60.0
POLL_S = 0.25


def cancel_job(settings: Settings, within_s: float = CANCELLED_WITHIN_S) -> None:
    """Cancel every running job with the name in the settings; none is fine, too.

    The job is found by name: a submission that was interrupted leaves a job whose id nobody received. While the
    JobManager does not answer, as after a fault, the request is repeated.

    Args:
        settings: the cluster and the name of the job.
        within_s: how long to repeat the request, and how long one cancellation may take, seconds.

    Raises:
        OperationError: the job still runs, or the cluster does not answer.
    """
    rest = FlinkRest(settings.flink.rest_url)
    deadline = time.monotonic() + within_s
    while True:
        try:
            for job in rest.jobs():
                if job.name == settings.job.name and not job.ended:
                    rest.cancel(job.id, within_s)
        except OperationError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
        else:
            return


def cancel_job_and_delete_topics(settings: Settings, within_s: float = CANCELLED_WITHIN_S) -> None:
    """Cancel the job, then delete every topic in the settings, even if the job could not be cancelled.

    Args:
        settings: the cluster, the name of the job, and its topics.
        within_s: as in ``cancel_job``.

    Raises:
        OperationError: the job still runs, or Flink or Kafka does not answer.
    """
    try:
        cancel_job(settings, within_s)
    finally:
        topics.delete(settings)
