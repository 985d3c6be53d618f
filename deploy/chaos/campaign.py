"""A trial: one job with topics of its own, and act after act a wave of payments with other faults.

One job goes through all acts, so a fault also shows what it left behind: the features of every later act are compared
with a run that nothing ever disturbed.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.reference.order_free_traffic import STEP_MS, OrderFreeTraffic, TrafficRecord
from deploy.chaos import outcomes
from deploy.chaos.decision_recorder import DecisionRecorder
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.fault import Fault, Target
from deploy.chaos.load import Load, send_aside
from deploy.chaos.traffic import together, wave
from deploy.clients import topics
from deploy.clients.flink_rest import JobNotFoundError
from deploy.clients.namespace import with_namespace
from deploy.errors import OperationError
from deploy.job import submission
from flink_jobs.settings import DecisionSettings, Settings
from state.kernel.times import HOUR_MS

USERS = 400
SETTLED_WITHIN_S = 240.0
CANCELLED_WITHIN_S = 60.0
APART_S = 10.0
"""Mixed faults strike within so many seconds."""
POLL_S = 0.25


@dataclass(frozen=True, kw_only=True)
class CampaignOptions:
    """How a trial is done.

    Attributes:
        seed: the same one makes the same payments and the same choices.
        transactions: of an act.
        rate: payments a second.
        until: no act begins after it, by the monotonic clock, seconds.
    """

    seed: int = 1
    transactions: int = 3_000
    rate: float = 300.0
    until: float = math.inf


@dataclass(frozen=True)
class CampaignResult:
    """What a trial found.

    Attributes:
        outcomes: of the acts that came to their end.
        notes: what the faults told.
        error: what kept the next act from its end; None when all of them came to it.
    """

    outcomes: Sequence[ExperimentResult]
    notes: Sequence[str]
    error: str | None


def attempt(
    settings: Settings, acts: Sequence[Sequence[Fault]], options: CampaignOptions, say: Callable[[str], None]
) -> CampaignResult:
    """Run one trial on a stack that is up; whatever is broken afterwards, its faults are healed and its job is gone.

    Args:
        settings: of the stack.
        acts: the faults of each; an act without faults is quiet. The first fault submits the job.
        options: how.
        say: told how far it is.

    Raises:
        OperationError: it could not begin, or its outcome not be read.
    """
    rng = random.Random(f"{options.seed} {[fault.name for act in acts for fault in act]}")
    own = with_namespace(
        settings, f"chaos-{time.time_ns() // 1_000_000:x}", checkpoint_interval_ms=2_000, start_from="earliest"
    )
    own = own.model_copy(update={"decision": DecisionSettings(sampled_features=1.0)})
    topics.ensure(own)
    topics.stamp_on_append(own)
    scene = Target(own, rng)
    faults = [fault for act in acts for fault in act]
    try:
        if faults:
            faults[0].submit(scene)
        else:
            submission.submit(own)
        with DecisionRecorder(own) as witness:
            return _Stage(scene, options, witness, say).play(acts)
    finally:
        for fault in faults:
            fault.revert(scene)
        _end_job(scene)


@dataclass
class _Stage:
    scene: Target
    options: CampaignOptions
    witness: DecisionRecorder
    say: Callable[[str], None]
    sent: list[TrafficRecord] = field(default_factory=list)

    def play(self, wanted: Sequence[Sequence[Fault]]) -> CampaignResult:
        start = round(time.time() * 1000) - (len(wanted) + 1) * STEP_MS - 24 * HOUR_MS
        waves = OrderFreeTraffic(
            start, users=USERS, payments_per_round=self.options.transactions, seed=self.options.seed
        )
        played: list[Experiment] = []
        error = None
        try:
            for faults in wanted:
                if time.monotonic() > self.options.until:
                    raise OperationError("not begun, as the time was over")
                act = Experiment(faults)
                self.say(act.name)
                self._act(waves, act)
                played.append(act)
                self._aside(waves)
        except OperationError as raised:
            error = str(raised)
            self.say(f"  {error}")
        found = outcomes.found(self.scene.settings, played, self.sent, self.witness.decided_at)
        return CampaignResult(found, self.scene.notes, error)

    def _act(self, waves: OrderFreeTraffic, act: Experiment) -> None:
        """Send a wave; faults strike when a third of it is sent; and wait until the job is through with it."""
        traffic = together(fault.traffic for fault in act.faults)
        records = wave(waves, traffic, self.scene.rng, round(time.time() * 1000))
        rate = self.options.rate * traffic.burst
        load = Load(self.scene.settings, records, rate, traffic.poison, act.name, self.scene.rng)
        load.start()
        time.sleep(len(records) / 3 / rate)
        self._strike(act)
        load.join(timeout=SETTLED_WITHIN_S)
        if load.error is not None or load.is_alive():
            raise OperationError(f"the load could not be sent: {load.error or 'it takes too long'}")
        self.sent += records
        act.sent_at, act.poisoned = load.sent_at, load.poisoned
        self.witness.await_decided(act.sent_at.keys(), SETTLED_WITHIN_S)
        self._through()

    def _aside(self, waves: OrderFreeTraffic) -> None:
        records = waves.labels_and_account_events()
        send_aside(self.scene.settings, records)
        self.sent += records
        self._through()

    def _strike(self, act: Experiment) -> None:
        """Every fault begins and ends at its time; several begin within seconds of each other."""
        begins = [0.0, *(self.scene.rng.uniform(0, APART_S) for _ in act.faults[1:])]
        moments = [(begin, fault.name, fault.inject) for begin, fault in zip(begins, act.faults, strict=False)]
        moments += [
            (begin + fault.lasts_s, fault.name, fault.revert) for begin, fault in zip(begins, act.faults, strict=False)
        ]
        act.struck_at, begun = time.time(), time.monotonic()
        for at, name, what in sorted(moments, key=lambda each: each[0]):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            self.say(f"  {time.monotonic() - begun:.1f} s: {name}, {what.__name__}")
            what(self.scene)

    def _through(self) -> None:
        """Wait for a second checkpoint: by then everything before it is known to every profile, and committed."""
        scene, wanted, before = self.scene, 2, -1
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while wanted > 0:
            if time.monotonic() > deadline:
                raise OperationError(f"no checkpoints were completed within {SETTLED_WITHIN_S:.0f} s")
            try:
                completed = scene.rest.checkpoints(scene.rest.running(scene.settings.job.name).id).completed
            except OperationError:
                completed = -1  # a JobManager that comes back is not ready at once, and counts from the beginning
            if before >= 0 and completed > before:
                wanted -= completed - before
            before = completed
            time.sleep(POLL_S)


def _end_job(scene: Target) -> None:
    deadline = time.monotonic() + CANCELLED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            scene.rest.cancel(scene.rest.running(scene.settings.job.name).id, CANCELLED_WITHIN_S)
        except JobNotFoundError:
            break
        except OperationError:
            time.sleep(POLL_S)
    topics.delete(scene.settings)
