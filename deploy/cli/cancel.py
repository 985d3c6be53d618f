"""``sentinel cancel``."""

from __future__ import annotations

from deploy.cli.running import running_job
from deploy.console import say

CANCELLED_WITHIN_S = 120.0


def cancel() -> None:
    """Cancel the job at once, without a savepoint.

    Its last checkpoint is kept, and its path is printed: `sentinel restore PATH` continues from it, and decides again
    what came since.

    Example: sentinel cancel
    """
    _, rest, job = running_job()
    checkpoint = rest.checkpoints(job.id).last_path
    rest.cancel(job.id, CANCELLED_WITHIN_S)
    say(f"{job.name} ({job.id}) cancelled; last checkpoint: {checkpoint or 'none was completed'}")
