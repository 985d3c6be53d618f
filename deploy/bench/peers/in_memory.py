"""The peers that run in memory and measure themselves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence

import msgspec

from apps.peers.options import Loop
from apps.peers.peer import Peer
from deploy.bench.peers.backlog import Drained
from deploy.bench.peers.runner import command, options_of
from deploy.errors import OperationError
from deploy.paths import ROOT
from flink_jobs.settings import Settings

ENDED_WITHIN_S = 300.0


def run_loop(which: Peer, settings: Settings, say: Callable[[str], None]) -> Drained:
    """Run its processes over the input topics, side by side, and give what they have measured.

    Raises:
        OperationError: one fails, or does not end in time.
    """
    options = options_of(which, settings, f"{settings.job.name}-{which.name}", settings.redis_url)
    running: list[subprocess.Popen[str]] = []
    try:
        for number in range(which.processes):
            arguments, environment = command(which, msgspec.structs.replace(options, process=number), say)
            running.append(
                subprocess.Popen(
                    arguments,
                    env=dict(environment),
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        deadline = time.monotonic() + ENDED_WITHIN_S
        return together([_measured(which, process, deadline) for process in running])
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.communicate()


def _measured(which: Peer, process: subprocess.Popen[str], deadline: float) -> Loop:
    """What a process tells when it ends."""
    try:
        told, complaint = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise OperationError(f"{which.title} did not end within {ENDED_WITHIN_S:.0f} s") from None
    if process.returncode != 0:
        raise OperationError(f"{which.title} failed: {complaint.strip()[-300:]}")
    return msgspec.json.decode(told, type=Loop)


def together(loops: Sequence[Loop]) -> Drained:
    """What processes that ran side by side come to, from when the first began until the last ended.

    Raises:
        OperationError: they decided nothing.
    """
    decisions = sum(loop.decisions for loop in loops)
    if not decisions:
        raise OperationError("the plain loop decided nothing: measure more transactions")
    seconds = max(loop.ended for loop in loops) - min(loop.begun for loop in loops)
    cpu_seconds = sum(loop.cpu_seconds for loop in loops)
    return Drained(
        decisions=decisions,
        per_s=decisions / seconds,
        steady_per_s=decisions / seconds,
        busy_cores=cpu_seconds / seconds,
        cpu_us=cpu_seconds / decisions * 1e6,
        store_us=0.0,
        broker_us=0.0,
    )
