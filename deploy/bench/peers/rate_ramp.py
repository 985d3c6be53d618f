"""Measure latency at rising rates, up to the first rate at which p99 exceeds the objective."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from apps.bench.latency import P99_SLO_MS
from apps.simulator.sending import Feed, SendProgress, send_history, send_live
from apps.simulator.simulator import Simulator
from deploy.bench.harness import BenchRun
from deploy.bench.peers.runner import Runner
from deploy.clients.decisions import DecisionsMissingError, await_decisions
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from flink_jobs.settings import Settings

CAUGHT_UP_WITHIN_S = 180.0
SETTLED_WITHIN_S = 5.0


@dataclass(frozen=True)
class RampPlan:
    """Load of a ramp.

    Attributes:
        rates: payments per second, ascending.
        warm_up_s: time at each rate before the measurement, seconds.
        seconds: time that is measured at each rate.
        history: payments before the first rate.
        users: users of the simulation.
    """

    rates: Sequence[float]
    warm_up_s: float
    seconds: float
    history: int
    users: int


@dataclass(frozen=True)
class RateStep:
    """Latency at one rate, milliseconds; None when decisions did not keep up."""

    rate: float
    p50_ms: float | None
    p99_ms: float | None

    @property
    def within_slo(self) -> bool:
        """Whether decisions kept up, and p99 met the objective."""
        return self.p99_ms is not None and self.p99_ms <= P99_SLO_MS


class RateRamp:
    """Sends the load of one system: first the history, then rate after rate.

    Args:
        settings: settings with the input topics.
        plan: load.
    """

    def __init__(self, settings: Settings, plan: RampPlan) -> None:
        self._plan = plan
        # Seconds of event time in a second, at a rate of one payment per second.
        self._speedup = natural_speedup(plan.rates[0], plan.users) / plan.rates[0]
        live_s = sum(plan.rates) * (plan.warm_up_s + plan.seconds) * self._speedup
        self._simulator = Simulator(options_until_now(1 / self._speedup, plan.history, live_s, users=plan.users))
        self._feed: Feed = open_feed(settings)
        self._sent = SendProgress()

    def send_history(self) -> None:
        """Send the payments before the first rate, all at once; the system need not run yet."""
        send_history(self._feed, self._simulator, self._plan.history, lambda _: None)
        self._sent = SendProgress(transactions=self._plan.history)

    def ramp_up(self, runner: Runner) -> list[RateStep]:
        """Offer one rate after another to a running system, up to the first that exceeds the objective.

        The load is open loop: records are sent on time, whether or not decisions keep up.

        Raises:
            OperationError: the system has ended.
        """
        _keeps_up(runner, self._sent.transactions, CAUGHT_UP_WITHIN_S)
        steps: list[RateStep] = []
        for rate in self._plan.rates:
            steps.append(self._step(runner, rate))
            if not steps[-1].within_slo:
                break
        return steps

    def _step(self, runner: Runner, rate: float) -> RateStep:
        plan, begun = self._plan, time.time()
        self._sent += send_live(
            self._feed, self._simulator, plan.warm_up_s + plan.seconds, rate * self._speedup, lambda _: None
        )
        ended = time.time()
        keeps_up = _keeps_up(runner, self._sent.transactions, SETTLED_WITHIN_S)
        measured = BenchRun(runner.settings).matched().between((begun + plan.warm_up_s) * 1000, ended * 1000)
        latency = measured.percentiles() if keeps_up or not measured.missing else {}
        return RateStep(rate, latency.get("p50"), latency.get("p99"))


def _keeps_up(runner: Runner, decisions: int, within_s: float) -> bool:
    """Return whether the system makes a number of decisions in time."""
    try:
        await_decisions(runner.settings, decisions, within_s, runner.check)
    except DecisionsMissingError:
        return False
    return True


def max_rate_within_slo(steps: Sequence[RateStep]) -> float:
    """Return the highest rate that met the objective, 0 for none."""
    return max((step.rate for step in steps if step.within_slo), default=0.0)
