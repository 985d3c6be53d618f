"""Latency at rising rates, up to the first at which p99 leaves what is asked of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.bench.latency import Matched
from apps.simulator.sending import Feed, Sent, send_history, send_live
from apps.simulator.simulator import Simulator
from deploy.bench.harness import Bench
from deploy.bench.peers.runner import Runner
from deploy.clients.decisions import DecisionsMissingError, await_decisions
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now

LIMIT_MS = 250.0
CAUGHT_UP_WITHIN_S = 180.0
SETTLED_WITHIN_S = 5.0


@dataclass(frozen=True)
class Load:
    """What is offered.

    Attributes:
        rates: of payments a second, ascending.
        warm_up_s: at each rate before anything is measured.
        seconds: that are measured at each rate.
        history: payments before all that.
        users: of the simulation.
    """

    rates: Sequence[float]
    warm_up_s: float
    seconds: float
    history: int
    users: int

    def simulator(self) -> tuple[Simulator, float]:
        """A simulation that ends now, and the speed of its event time at a rate of one a second."""
        pace = natural_speedup(self.rates[0], self.users) / self.rates[0]
        live_s = sum(self.rates) * (self.warm_up_s + self.seconds) * pace
        return Simulator(options_until_now(1 / pace, self.history, live_s, users=self.users)), pace


@dataclass(frozen=True)
class RateStep:
    """One rate: the share of it that was decided, and how long that took; no times when it could not keep up."""

    rate: float
    p50_ms: float | None
    p99_ms: float | None

    @property
    def holds(self) -> bool:
        """Whether p99 is within the limit."""
        return self.p99_ms is not None and self.p99_ms <= LIMIT_MS


def ramp_up(contestant: Runner, load: Load, feed: Feed, simulator: Simulator, pace: float) -> list[RateStep]:
    """Offer one rate after another until p99 is over the limit.

    The history must have been sent. What is sent comes on time whether or not decisions do.
    """
    sent = Sent(transactions=load.history)
    _await(contestant, sent.transactions, CAUGHT_UP_WITHIN_S)
    rungs: list[RateStep] = []
    for rate in load.rates:
        begun = time.time()
        sent += send_live(feed, simulator, load.warm_up_s + load.seconds, rate * pace, lambda _: None)
        ended = time.time()
        keeps_up = _await(contestant, sent.transactions, SETTLED_WITHIN_S)
        measured = _matched(contestant).between((begun + load.warm_up_s) * 1000, ended * 1000)
        times = measured.percentiles() if keeps_up or not measured.missing else {}
        rungs.append(RateStep(rate, times.get("p50"), times.get("p99")))
        if not rungs[-1].holds:
            break
    return rungs


def send_load_history(run: Bench, load: Load, tell: Callable[[Sent], None]) -> tuple[Feed, Simulator, float]:
    """Send what comes before the first rate."""
    feed = open_feed(run.settings)
    simulator, pace = load.simulator()
    send_history(feed, simulator, load.history, tell)
    return feed, simulator, pace


def _await(contestant: Runner, count: int, within_s: float) -> bool:
    """Return whether the runner writes a number of decisions in time."""
    try:
        await_decisions(contestant.settings, count, within_s, contestant.check)
    except DecisionsMissingError:
        return False
    return True


def _matched(contestant: Runner) -> Matched:
    run = Bench(contestant.settings)
    return run.matched()


def max_rate_within_slo(rungs: Sequence[RateStep]) -> float:
    """The highest rate at which p99 is within the limit, 0 for none."""
    return max((rung.rate for rung in rungs if rung.holds), default=0.0)
