"""``sentinel cancel``."""

from __future__ import annotations

from deploy.cli.running import running_job
from deploy.console import say

ENDED_WITHIN_S = 120.0


def cancel() -> None:
    """End the job at once, without a savepoint; its last checkpoint stays and can be restored by its path."""
    _, rest, job = running_job()
    checkpoint = rest.checkpoints(job.id).last_path
    rest.cancel(job.id, ENDED_WITHIN_S)
    say(f"{job.name} ({job.id}) cancelled; last checkpoint: {checkpoint or 'none was completed'}")
