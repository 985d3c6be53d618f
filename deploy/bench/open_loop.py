"""Offer a fixed rate to the running job, open loop, and measure latency, CPU and stage costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apps.bench.latency import MatchedDecisions, match_decisions
from apps.bench.schedule import OfferedLoad, make_schedule, send_on_schedule
from apps.simulator.simulator import Simulator
from apps.simulator.writing import SimulatedRecord
from deploy.bench.cpu import OTHERS, CpuTimes
from deploy.bench.harness import BenchRun
from deploy.clients import kafka_clients
from deploy.clients.decisions import DecisionsMissingError
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.hop_times import Hop, HopTime, read_hop_times
from deploy.clients.stage_metrics import StageCost, settled_stage_costs
from udfs.names import Topic

GENERATOR = "load generator"


@dataclass(frozen=True)
class RatePhase:
    """Measurements of one steady rate.

    Attributes:
        rate: transactions offered per second.
        lead_in_s: length of the lead-in, whose latency is not counted, seconds.
        seconds: length of the counted part.
        load: records that were sent.
        cpu_s: CPU seconds while the load was offered: of each component, of the load generator, and of all others.
        stage_costs: cost of each stage since the previous phase.
        hop_times: time of each hop since the previous phase.
        checkpoints: beginning and end of the last checkpoints of the phase, epoch milliseconds.
        worked_off: whether all of it was decided in time.
    """

    rate: float
    lead_in_s: float
    seconds: float
    load: OfferedLoad
    cpu_s: dict[str, float]
    stage_costs: dict[str, StageCost]
    hop_times: dict[Hop, HopTime]
    checkpoints: Sequence[tuple[int, int]]
    worked_off: bool

    def latencies(
        self, appended: Mapping[str, int], decisions: Mapping[str, int]
    ) -> tuple[MatchedDecisions, MatchedDecisions]:
        """Join the counted transactions with their decisions, once by append time and once by due time.

        Args:
            appended: append time of each transaction, epoch milliseconds, by transaction id.
            decisions: append time of each transaction's first decision, epoch milliseconds, by transaction id.
        """
        due = self.load.due_between(self.lead_in_s, self.lead_in_s + self.seconds)
        decided = [(name, decisions[name]) for name in due if name in decisions]
        by_append = match_decisions([(name, appended[name]) for name in due if name in appended], decided)
        return by_append, match_decisions(due.items(), decided)

    def mean_latency_ms(self, appended: Mapping[str, int], decisions: Mapping[str, int]) -> float:
        """Mean latency of all that were decided, from append to append, with those of the lead-in, milliseconds."""
        decided = [name for name in self.load.due_ms if name in decisions]
        return sum(decisions[name] - appended[name] for name in decided) / max(1, len(decided))

    def late_ms(self, percentile: float) -> float:
        """Return a percentile of the load generator's lateness, milliseconds."""
        return float(np.percentile(self.load.late_ms, percentile))


class OpenLoop:
    """Offers one rate after another to the same job.

    Args:
        run: run whose job has decided everything that was sent.
        job_id: id of the job.
        simulator: source of the records.
        decided: number of decisions in the topic.
        settled_within_s: how long to wait for the last decision of a phase, seconds.
    """

    def __init__(
        self, run: BenchRun, job_id: str, simulator: Simulator, decided: int, settled_within_s: float = 120.0
    ) -> None:
        self._run, self._job_id, self._simulator = run, job_id, simulator
        self._expected = decided
        self._settled_within_s = settled_within_s
        self._rest = FlinkRest(run.settings.flink.rest_url)
        self._stage_costs = settled_stage_costs(self._rest, job_id)
        self._hop_times = read_hop_times(self._rest, job_id)
        names = run.settings.kafka.topics
        self._topics = {
            Topic.TRANSACTIONS: names.transactions,
            Topic.ACCOUNT_EVENTS: names.account_events,
            Topic.LABELS: names.labels,
        }

    def run_phase(self, rate: float, lead_in_s: float, seconds: float) -> RatePhase:
        """Offer a rate for ``lead_in_s + seconds``, and wait until it is decided.

        Args:
            rate: transactions per second.
            lead_in_s: length of the lead-in, seconds.
            seconds: length of the counted part.
        """
        schedule = make_schedule(self._simulator, lead_in_s + seconds, rate / self._simulator.options.rate)
        sender = kafka_clients.producer(self._run.settings)
        topics = self._topics

        def send(record: SimulatedRecord) -> None:
            sender.send(topics[record.topic], record.key, record.value)

        before = CpuTimes.now(self._run.settings)
        load = send_on_schedule(schedule, send, sender.poll)
        cpu_s = CpuTimes.now(self._run.settings).since(before)
        cpu_s |= {GENERATOR: load.cpu_s, OTHERS: cpu_s[OTHERS] - load.cpu_s}
        sender.close()
        self._expected += len(load.due_ms)
        checkpoints = self._rest.checkpoints(self._job_id).spans
        worked_off = self._is_worked_off()
        return RatePhase(
            rate=rate,
            lead_in_s=lead_in_s,
            seconds=seconds,
            load=load,
            cpu_s=cpu_s,
            stage_costs=self._new_stage_costs(),
            hop_times=self._new_hop_times(),
            checkpoints=checkpoints,
            worked_off=worked_off,
        )

    def _is_worked_off(self) -> bool:
        try:
            self._run.await_decisions(self._expected, self._settled_within_s)
        except DecisionsMissingError:
            return False
        return True

    def _new_stage_costs(self) -> dict[str, StageCost]:
        """Cost of each stage since the last call."""
        before, self._stage_costs = self._stage_costs, settled_stage_costs(self._rest, self._job_id)
        return {name: cost.since(before.get(name, StageCost())) for name, cost in self._stage_costs.items()}

    def _new_hop_times(self) -> dict[Hop, HopTime]:
        """Time of each hop since the last call; Flink's values are those that the stages' costs made fresh."""
        before, self._hop_times = self._hop_times, read_hop_times(self._rest, self._job_id)
        return {hop: time.since(before.get(hop, HopTime())) for hop, time in self._hop_times.items()}
