"""Run the peers that work in memory: their processes measure themselves and print the measurement."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

import msgspec

from apps.peers.options import LoopMeasurement
from apps.peers.peer import Peer
from deploy.bench.harness import Report
from deploy.bench.peers.runner import command, peer_options
from deploy.bench.peers.throughput import Throughput
from deploy.errors import OperationError
from deploy.paths import ROOT
from flink_jobs.settings import Settings

ENDED_WITHIN_S = 300.0


def run_in_memory(peer: Peer, settings: Settings, report: Report) -> Throughput:
    """Run all processes of a peer at the same time over the input topics, and combine their measurements.

    Raises:
        OperationError: a process fails, or does not end in time.
    """
    options = peer_options(peer, settings, f"{settings.job.name}-{peer.name}", settings.redis_url)
    processes: list[subprocess.Popen[str]] = []
    try:
        for number in range(peer.processes):
            arguments, environment = command(peer, msgspec.structs.replace(options, process=number), report)
            processes.append(
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
        return combine([_measurement(peer, process, deadline) for process in processes])
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()


def _measurement(peer: Peer, process: subprocess.Popen[str], deadline: float) -> LoopMeasurement:
    """Wait for a process, and decode the measurement that it printed."""
    try:
        output, errors = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise OperationError(f"{peer.title} did not end within {ENDED_WITHIN_S:.0f} s") from None
    if process.returncode != 0:
        raise OperationError(f"{peer.title} failed: {errors.strip()[-300:]}")
    return msgspec.json.decode(output, type=LoopMeasurement)


def combine(loops: Sequence[LoopMeasurement]) -> Throughput:
    """Combine the measurements of parallel processes, from the first beginning to the last end.

    Raises:
        OperationError: no process decided anything.
    """
    decisions = sum(loop.decisions for loop in loops)
    if not decisions:
        raise OperationError("the plain loop decided nothing: measure more transactions")
    seconds = max(loop.ended for loop in loops) - min(loop.begun for loop in loops)
    cpu_seconds = sum(loop.cpu_seconds for loop in loops)
    return Throughput(
        decisions=decisions,
        per_s=decisions / seconds,
        steady_per_s=decisions / seconds,
        busy_cores=cpu_seconds / seconds,
        cpu_us=cpu_seconds / decisions * 1e6,
        store_us=0.0,
        broker_us=0.0,
    )
