"""A campaign: one job in its own namespace, and one experiment after the other, each with a round of payments.

All experiments share the job, so a fault also shows its after-effects: the features of every later experiment are
compared with the golden run as well.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.reference.order_free_traffic import STEP_MS, OrderFreeTraffic, TrafficRecord
from deploy.chaos.decision_recorder import DecisionRecorder
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.fault import Fault, Target
from deploy.chaos.load_generator import LoadGenerator, send_labels_and_account_events
from deploy.chaos.results import collect_results
from deploy.chaos.traffic import combine, next_round
from deploy.clients import topics
from deploy.clients.namespace import with_namespace
from deploy.errors import OperationError
from deploy.job import submission
from deploy.job.cleanup import cancel_job_and_delete_topics
from deploy.stack.stack import Stack
from flink_jobs.settings import DecisionSettings, Settings
from state.kernel.times import HOUR_MS

USERS = 400
SETTLED_WITHIN_S = 240.0
MAX_INJECTION_DELAY_S = 10.0
"""Faults of one experiment are injected within this time of each other."""
CHECKPOINTS_TO_SETTLE = 2
POLL_S = 0.25


@dataclass(frozen=True, kw_only=True)
class CampaignOptions:
    """Options of a campaign.

    Attributes:
        seed: the same seed makes the same payments and the same choices.
        transactions: payments of an experiment.
        rate: payments a second.
        deadline: no experiment begins after it, seconds of the monotonic clock.
    """

    seed: int = 1
    transactions: int = 3_000
    rate: float = 300.0
    deadline: float = math.inf


@dataclass(frozen=True)
class CampaignResult:
    """The result of a campaign.

    Attributes:
        results: of the experiments that were completed.
        notes: of the faults.
        error: that kept the next experiment from completing; None when all of them did.
    """

    results: Sequence[ExperimentResult]
    notes: Sequence[str]
    error: str | None


def run_campaign(
    settings: Settings, experiments: Sequence[Sequence[Fault]], options: CampaignOptions, report: Callable[[str], None]
) -> CampaignResult:
    """Run one campaign on a stack that is up; at the end its faults are reverted and its job and topics removed.

    Args:
        settings: of the stack.
        experiments: the faults of each; the baseline has none. The first fault submits the job.
        options: of the campaign.
        report: called with a line of progress.

    Raises:
        OperationError: it could not begin, or its topics could not be read.
    """
    faults = [fault for experiment in experiments for fault in experiment]
    rng = random.Random(f"{options.seed} {[fault.name for fault in faults]}")
    namespaced = with_namespace(
        settings, f"chaos-{time.time_ns() // 1_000_000:x}", checkpoint_interval_ms=2_000, start_from="earliest"
    )
    namespaced = namespaced.model_copy(update={"decision": DecisionSettings(sampled_features=1.0)})
    topics.ensure(namespaced)
    topics.stamp_on_append(namespaced)
    target = Target(namespaced, rng)
    try:
        if faults:
            faults[0].submit(target)
        else:
            submission.submit(namespaced)
        with DecisionRecorder(namespaced) as recorder:
            return _Campaign(target, options, recorder, report).run(experiments)
    finally:
        for fault in faults:
            fault.revert(target)
        cancel_job_and_delete_topics(target.settings)


@dataclass
class _Campaign:
    target: Target
    options: CampaignOptions
    recorder: DecisionRecorder
    report: Callable[[str], None]
    sent: list[TrafficRecord] = field(default_factory=list)

    def run(self, planned: Sequence[Sequence[Fault]]) -> CampaignResult:
        start_ms = round(time.time() * 1000) - (len(planned) + 1) * STEP_MS - 24 * HOUR_MS
        traffic = OrderFreeTraffic(
            start_ms, users=USERS, payments_per_round=self.options.transactions, seed=self.options.seed
        )
        completed: list[Experiment] = []
        error = None
        try:
            for faults in planned:
                if time.monotonic() > self.options.deadline:
                    raise OperationError("not begun, as the time is over")
                experiment = Experiment(faults)
                self.report(experiment.name)
                self._run_experiment(traffic, experiment)
                completed.append(experiment)
                self._send_labels_and_account_events(traffic)
        except OperationError as raised:
            error = str(raised)
            self.report(f"  {error}")
        results = collect_results(self.target.settings, completed, self.sent, self.recorder.decided_at)
        return CampaignResult(results, self.target.notes, error)

    def _run_experiment(self, traffic: OrderFreeTraffic, experiment: Experiment) -> None:
        """Send a round of payments, inject the faults when a third of it is sent, and wait until all is committed."""
        shape = combine(fault.traffic for fault in experiment.faults)
        records = next_round(traffic, shape, self.target.rng, round(time.time() * 1000))
        rate = self.options.rate * shape.rate_factor
        load = LoadGenerator(self.target.settings, records, rate, shape, experiment.name, self.target.rng)
        began_ms, memory_mib = time.time() * 1000, self._task_managers_mib()
        load.start()
        time.sleep(len(records) / 3 / rate)
        self._inject_and_revert(experiment)
        load.join(timeout=SETTLED_WITHIN_S)
        if load.error is not None or load.is_alive():
            raise OperationError(f"the load could not be sent: {load.error or 'it takes too long'}")
        self.sent += records
        experiment.sent_at, experiment.poison_sent = load.sent_at, load.poison_sent
        self.recorder.await_decided(experiment.sent_at.keys(), SETTLED_WITHIN_S)
        self._await_checkpoints()
        job = self.target.rest.running(self.target.settings.job.name)
        experiment.restarts = sum(each.at_ms >= began_ms for each in self.target.rest.timed_failures(job.id))
        experiment.memory_mib = (memory_mib, self._task_managers_mib())

    def _task_managers_mib(self) -> float:
        """Resident memory of the TaskManagers, MiB."""
        services = Stack(self.target.settings).services()
        found = [each.process.find() for each in services if each.process.name.startswith("taskmanager")]
        return sum(process.memory_info().rss for process in found if process is not None) / 2**20

    def _send_labels_and_account_events(self, traffic: OrderFreeTraffic) -> None:
        records = traffic.labels_and_account_events()
        send_labels_and_account_events(self.target.settings, records)
        self.sent += records
        self._await_checkpoints()

    def _inject_and_revert(self, experiment: Experiment) -> None:
        """Inject and revert each fault at its time; several are injected within seconds of each other."""
        faults = experiment.faults
        delays = [0.0, *(self.target.rng.uniform(0, MAX_INJECTION_DELAY_S) for _ in faults[1:])]
        steps = [(delay, fault.name, fault.inject) for delay, fault in zip(delays, faults, strict=False)]
        steps += [
            (delay + fault.duration_s, fault.name, fault.revert) for delay, fault in zip(delays, faults, strict=False)
        ]
        experiment.injected_at, started = time.time(), time.monotonic()
        for at_s, name, step in sorted(steps, key=lambda each: each[0]):
            time.sleep(max(0.0, started + at_s - time.monotonic()))
            self.report(f"  {time.monotonic() - started:.1f} s: {name}, {step.__name__}")
            step(self.target)

    def _await_checkpoints(self) -> None:
        """Wait for the second checkpoint from now: it holds everything sent before, and commits its alerts."""
        target, remaining, before = self.target, CHECKPOINTS_TO_SETTLE, -1
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while remaining > 0:
            if time.monotonic() > deadline:
                raise OperationError(f"no checkpoints were completed within {SETTLED_WITHIN_S:.0f} s")
            try:
                completed = target.rest.checkpoints(target.rest.running(target.settings.job.name).id).completed
            except OperationError:
                completed = -1  # a restarted JobManager is not ready at once, and counts from zero
            if before >= 0 and completed > before:
                remaining -= completed - before
            before = completed
            time.sleep(POLL_S)
