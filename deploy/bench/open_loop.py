"""A rate offered to the job that runs, and how the job took it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apps.bench.latency import Matched, match
from apps.bench.schedule import Offered, make_schedule, offer
from apps.simulator.simulator import Simulator
from apps.simulator.writing import SimulatedRecord
from deploy.bench.harness import OTHERS, Bench, CpuTimes
from deploy.clients import kafka_clients
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.stage_metrics import StageCost, settled_stage_costs
from deploy.errors import OperationError
from udfs.names import Topic

GENERATOR = "load generator"


@dataclass(frozen=True)
class Phase:
    """A steady rate for a while.

    Attributes:
        rate: transactions a second that were offered.
        lead_in_s: of the beginning, which does not count.
        seconds: that count.
        offered: what was sent.
        cpu: CPU seconds of each component, of the load generator and of others, while it was offered.
        stages: what the stages did since the phase before.
        worked_off: whether all of it was decided within the time given.
    """

    rate: float
    lead_in_s: float
    seconds: float
    offered: Offered
    cpu: dict[str, float]
    stages: dict[str, StageCost]
    worked_off: bool

    def latencies(self, appended: Mapping[str, int], decisions: Mapping[str, int]) -> tuple[Matched, Matched]:
        """Of the transactions that count: from append to append, and from when they were due to append.

        Args:
            appended: when each transaction was appended, epoch milliseconds.
            decisions: likewise its decision.
        """
        due = self.offered.due_between(self.lead_in_s, self.lead_in_s + self.seconds)
        found = [(name, decisions[name]) for name in due if name in decisions]
        by_append = match([(name, appended[name]) for name in due if name in appended], found)
        return by_append, match(due.items(), found)

    def late_ms(self, percentile: float) -> float:
        """How late the generator itself was."""
        return float(np.percentile(self.offered.late_ms, percentile))


class Offering:
    """Offers one rate after another.

    Args:
        run: whose job runs and has nothing left to decide.
        job_id: of it.
        simulator: what is sent.
        decided: how many decisions there are already.
        settled_within_s: how long to wait for the last decision of a phase.
    """

    def __init__(
        self, run: Bench, job_id: str, simulator: Simulator, decided: int, settled_within_s: float = 120.0
    ) -> None:
        self._run, self._job_id, self._simulator = run, job_id, simulator
        self._expected = decided
        self._settled_within_s = settled_within_s
        self._rest = FlinkRest(run.settings.flink.rest_url)
        self._stages = settled_stage_costs(self._rest, job_id)
        names = run.settings.kafka.topics
        self._topics = {
            Topic.TRANSACTIONS: names.transactions,
            Topic.ACCOUNT_EVENTS: names.account_events,
            Topic.LABELS: names.labels,
        }

    def offer(self, rate: float, lead_in_s: float, seconds: float) -> Phase:
        """Offer a rate, and wait until it is worked off."""
        schedule = make_schedule(self._simulator, lead_in_s + seconds, rate / self._simulator.options.rate)
        sender = kafka_clients.producer(self._run.settings)
        topics = self._topics

        def send(record: SimulatedRecord) -> None:
            sender.send(topics[record.topic], record.key, record.value)

        before = CpuTimes.now(self._run.settings)
        offered = offer(schedule, send, sender.tick)
        cpu = CpuTimes.now(self._run.settings).since(before)
        cpu |= {GENERATOR: offered.cpu_s, OTHERS: cpu[OTHERS] - offered.cpu_s}
        sender.close()
        self._expected += len(offered.due_ms)
        worked_off = self._settled()
        stages = settled_stage_costs(self._rest, self._job_id)
        since = {name: cost.since(self._stages.get(name, StageCost())) for name, cost in stages.items()}
        self._stages = stages
        return Phase(rate, lead_in_s, seconds, offered, cpu, since, worked_off)

    def _settled(self) -> bool:
        try:
            self._run.await_decisions(self._expected, self._settled_within_s, lambda _: None)
        except OperationError:
            return False
        return True
