"""Going on from a savepoint, whichever version took it.

Versions before November 2026 gathered in SQL windows. What such a savepoint holds in them is read out by one job that
still has them (``flink_jobs.windows``) and is stopped again; the job that stays goes on from its savepoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy.clients.flink_rest import FlinkRest, Job
from deploy.job import savepoints, submission
from deploy.stack.stack import silent
from flink_jobs.settings import Settings

READ_S = 5.0
"""The windows were over before the job started: their timers are due, and the first thing that their operators do. What
comes of them is in front of any barrier."""
STOPPED_WITHIN_S = 120.0


def restore(settings: Settings, savepoint: str, say: Callable[[str], None] = silent) -> Job:
    """Submit the job with the state of a savepoint and wait until every one of its tasks runs.

    Args:
        settings: which cluster, and how the job is called.
        savepoint: path of a savepoint or retained checkpoint.
        say: told how far it is.

    Raises:
        OperationError: as ``submission.submit``.
    """
    if not savepoints.holds_windows(savepoint):
        return submission.submit(settings, savepoint, say)
    say("the savepoint is of an earlier version: what it holds in windows is read out first")
    reading = settings.model_copy(update={"job": settings.job.model_copy(update={"read_windows": True})})
    job = submission.submit(reading, savepoint, say)
    time.sleep(READ_S)
    path = savepoints.stop(settings, FlinkRest(settings.flink.rest_url), job.id, STOPPED_WITHIN_S)
    return submission.submit(settings, path, say, leave_out=True)
