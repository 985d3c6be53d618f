"""The peer that runs in memory and measures itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import msgspec

from apps.peers.options import Loop
from apps.peers.peer import Peer
from deploy.errors import OperationError
from deploy.paths import ROOT
from deploy.peers.contestant import command, options_of
from deploy.peers.drain import Drained
from flink_jobs.settings import Settings

ENDED_WITHIN_S = 300.0


def run_loop(which: Peer, settings: Settings, say: Callable[[str], None]) -> Drained:
    """Run it over the input topics and give what it has measured.

    Raises:
        OperationError: it fails, or does not end in time.
    """
    group = f"{settings.job.name}-{which.name}"
    arguments, environment = command(which, options_of(which, settings, group, settings.redis_url), say)
    try:
        done = subprocess.run(
            arguments,
            env=dict(environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=ENDED_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OperationError(f"{which.title} did not end within {ENDED_WITHIN_S:.0f} s") from None
    if done.returncode != 0:
        raise OperationError(f"{which.title} failed: {done.stderr.strip()[-300:]}")
    loop = msgspec.json.decode(done.stdout, type=Loop)
    return Drained(
        decisions=loop.decisions,
        per_s=loop.decisions / loop.seconds,
        steady_per_s=loop.decisions / loop.seconds,
        busy_cores=loop.cpu_seconds / loop.seconds,
        cpu_us=loop.cpu_seconds / loop.decisions * 1e6,
        store_us=0.0,
        broker_us=0.0,
    )
