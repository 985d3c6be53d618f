"""Experiments of ``sentinel bench`` without a cluster: the job is replaced by one that decides at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apps.bench.latency import MatchedDecisions, first_decisions, match_decisions
from apps.records import transaction_id
from apps.simulator.sending import Feed
from deploy.bench import harness
from deploy.bench.cpu import OTHERS, CpuTimes
from deploy.bench.experiments import drain, live, peers, scale, scale_users, soak
from deploy.bench.open_loop import GENERATOR
from deploy.bench.peers.throughput import Throughput
from deploy.clients.decisions import DecisionsMissingError
from deploy.clients.flink_answers import Checkpoints, Job
from deploy.clients.hop_times import BOUNDS_US, HOPS, Hop, HopTime
from deploy.clients.stage_metrics import StageCost
from deploy.errors import OperationError
from flink_jobs.settings import Settings, StackSettings
from udfs.names import Topic

JOB = Job("1", "bench-1", "RUNNING", started_at=0, duration=0)
DECIDED_AFTER_MS = 7
RELEASED_PER_MS = 10
STAGES = ("user stage", "device stage", "merchant stage")


@dataclass
class Broker:
    """Accepts records, and has a decision of each transaction except one.

    Attributes:
        loses: position of the transaction without a decision.
    """

    loses: int | None = None
    transactions: list[tuple[str, int]] = field(default_factory=list)

    def send(self, topic: str, _: bytes | None, value: bytes | None) -> None:
        if topic == Topic.TRANSACTIONS:
            self.transactions.append((transaction_id(value or b""), time.time_ns() // 1_000_000))

    def poll(self) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def decisions(self) -> list[tuple[str, int]]:
        decided = [(name, at + DECIDED_AFTER_MS) for name, at in self.transactions]
        return [each for number, each in enumerate(decided) if number != self.loses]


@dataclass
class HeldSender(Broker):
    """Keeps transactions back until they are released to the broker."""

    broker: Broker = field(default_factory=Broker)

    def commit(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        self.broker.transactions += [
            (name, now_ms + number // RELEASED_PER_MS) for number, (name, _) in enumerate(self.transactions)
        ]


class InstantRun(harness.BenchRun):
    """A run whose job decides at once."""

    broker: Broker

    def submit(self, report: harness.Report) -> Job:
        return JOB

    def await_decisions(self, expected: int, within_s: float) -> None:
        if len(self.broker.decisions) < expected:
            raise DecisionsMissingError("a decision is missing")

    def transactions(self) -> list[tuple[str, int]]:
        return self.broker.transactions

    def matched(self) -> MatchedDecisions:
        return match_decisions(self.broker.transactions, self.broker.decisions)

    def first_decisions(self) -> tuple[dict[str, int], int]:
        return first_decisions(self.broker.decisions)


class Rest:
    """Flink with one completed checkpoint."""

    def __init__(self, _: str) -> None:
        pass

    def running(self, _: str) -> Job:
        return JOB

    def checkpoints(self, _: str) -> Checkpoints:
        return Checkpoints(1, 0, 0, 20, 2**20, 3 * 2**20, None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_construct(stack=StackSettings(folder=tmp_path))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """The broker of the experiments, which replaces Kafka and Flink in all of them."""
    broker, clock = Broker(), SimpleNamespace(reads=0)

    @contextmanager
    def run(settings: Settings, **_: object) -> Iterator[InstantRun]:
        found = InstantRun(settings)
        object.__setattr__(found, "broker", broker)
        broker.transactions.clear()
        yield found

    def feed(*_: object, sender: Broker = broker) -> Feed:
        return Feed(sender, {topic: topic.value for topic in Topic})  # type: ignore[arg-type]

    def costs(*_: object) -> dict[str, StageCost]:
        clock.reads += 1
        return {name: StageCost(cpu_us=1_000.0 * clock.reads, batches=clock.reads) for name in STAGES}

    def hop_times(*_: object) -> dict[Hop, HopTime]:
        """Each payment took 5 ms to be fetched, and 1 ms in the sink; read after the last of a phase was decided."""
        payments = len(broker.transactions)
        milliseconds = {"fetch": 5, "sink": 1}
        return {
            hop: HopTime(
                1_000.0 * milliseconds[hop.name] * payments,
                tuple(float(payments * (bound == 1_000 * milliseconds[hop.name])) for bound in (*BOUNDS_US, None)),
            )
            for hop in HOPS
            if hop.name in milliseconds
        }

    def cpu(_: Settings) -> CpuTimes:
        clock.reads += 1
        return CpuTimes({"kafka": 0.1 * clock.reads, "taskmanager-1": 0.2 * clock.reads}, machine=1.0 * clock.reads)

    for module in (drain, live, soak, scale_users, peers):
        monkeypatch.setattr(module, "bench_run", run)
        monkeypatch.setattr(module, "open_feed", feed)
    for name in ("bench.backlog", "bench.open_loop", "bench.experiments.scale_users"):
        monkeypatch.setattr(f"deploy.{name}.settled_stage_costs", costs)
        monkeypatch.setattr(f"deploy.{name}.FlinkRest", Rest)
    monkeypatch.setattr("deploy.bench.resources.FlinkRest", Rest)
    monkeypatch.setattr("deploy.bench.open_loop.read_hop_times", hop_times)
    monkeypatch.setattr("deploy.bench.peers.rate_ramp.open_feed", feed)
    monkeypatch.setattr("deploy.bench.backlog.count_decisions", lambda _: len(broker.decisions))
    monkeypatch.setattr("deploy.clients.kafka_clients.producer", lambda _: broker)
    monkeypatch.setattr("deploy.clients.kafka_clients.held_producer", lambda *_: HeldSender(broker=broker))
    monkeypatch.setattr(CpuTimes, "now", staticmethod(cpu))
    return broker


def ignore(_: str) -> None:
    pass


def live_options(**changes: Any) -> live.LiveOptions:
    defaults: dict[str, Any] = {"rate": [5_000.0], "seconds": 0.1, "warm_up": 0.05, "lead_in": 0.05, "burst": 0.0}
    return live.LiveOptions(**defaults | {"history": 100, "users": 200} | changes)


def test_a_warm_drain_measures_the_second_backlog_alone(settings: Settings, broker: Broker) -> None:
    options = drain.DrainOptions(transactions=2_000, warm=3_000, users=200, merchants=20)
    figures = drain.run(settings, options, ignore).figures
    assert len(broker.transactions) > figures["transactions"] >= 2_000  # type: ignore[operator]
    assert figures["missing"] == figures["repeated"] == 0
    assert figures["decided_per_s"] == pytest.approx(10_000, rel=0.05)
    assert {"first_per_s", "cpu_each_us", "busy_cores"} <= figures.keys()


@pytest.mark.usefixtures("broker")
def test_one_live_rate_has_its_percentiles(settings: Settings) -> None:
    result = live.run(settings, live_options(), ignore)
    assert result.figures["p50_ms"] == result.figures["p99_ms"] == DECIDED_AFTER_MS
    assert result.figures["missing"] == 0
    assert result.options["rate"] == [5_000.0]
    (cpu,) = [table for table in result.tables if table.title == "CPU by rate, cores"]
    assert cpu.columns == ["offered, /s", "kafka", "taskmanager-1", OTHERS, GENERATOR]


@pytest.mark.usefixtures("broker")
def test_the_hops_and_what_is_not_accounted_for_are_the_latency(settings: Settings) -> None:
    result = live.run(settings, live_options(rate=[4_000.0, 5_000.0]), ignore)
    hops = [table for table in result.tables if table.title.startswith("Where a payment's time goes")]
    assert [table.title[-7:] for table in hops] == ["4,000/s", "5,000/s"]
    for table in hops:
        means = {str(row[0]): row[1] for row in table.rows}
        assert (means["fetch"], means["sink"], means["device: in the mini-batch"]) == (5, 1, 0)
        assert means["append to append"] == DECIDED_AFTER_MS
        assert means["not accounted for"] == pytest.approx(DECIDED_AFTER_MS - 6)


def test_the_timeline_shows_the_checkpoints_of_its_rate(
    settings: Settings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checkpoints(*_: object) -> Checkpoints:
        """One before the first payment, and one that goes on after the last."""
        first, last = broker.transactions[0][1], broker.transactions[-1][1]
        spans = ((first - 1, last + 9), (first - 20, first - 10))
        return Checkpoints(2, 0, 0, 20, 2**20, 3 * 2**20, None, spans=spans)

    monkeypatch.setattr(Rest, "checkpoints", checkpoints)
    result = live.run(settings, live_options(), ignore)
    (timeline,) = [plot for plot in result.plots if plot.title.startswith("Latency around checkpoints")]
    ((begin, end),) = timeline.shaded
    assert begin == 0
    assert timeline.series["slowest"][-1][0] <= end < 60
    assert {latency for _, latency in timeline.series["slowest"]} == {DECIDED_AFTER_MS}


@pytest.mark.usefixtures("broker")
def test_several_live_rates_and_a_burst_are_measured_one_after_another(settings: Settings) -> None:
    result = live.run(settings, live_options(rate=[4_000.0, 5_000.0], burst=10_000.0), ignore)
    assert result.figures["p99_at_4000_ms"] == result.figures["p99_at_5000_ms"] == DECIDED_AFTER_MS
    assert result.figures["p99_leaves_250_ms_at"] == "above 5,000/s"
    assert result.figures["burst_missing"] == 0
    assert [row[0] for row in result.tables[0].rows] == [4_000, 5_000, 10_000]


def test_a_rate_that_is_not_decided_in_time_is_the_last(settings: Settings, broker: Broker) -> None:
    broker.loses = 500
    result = live.run(settings, live_options(rate=[4_000.0, 5_000.0]), ignore)
    assert [row[0] for row in result.tables[0].rows] == [4_000]
    assert result.tables[1].rows[0][-1] == "no"


@pytest.mark.usefixtures("broker")
def test_a_soak_has_the_trend_of_its_resources_and_latency(settings: Settings) -> None:
    options = soak.SoakOptions(minutes=0.005, rate=2_000, history=100, users=200)
    result = soak.run(settings, options, ignore)
    assert result.figures["p99_ms"] == DECIDED_AFTER_MS
    assert result.figures["missing"] == result.figures["failed_checkpoints"] == 0
    assert result.figures["state_in_10_min_percent"] == pytest.approx(0)
    (state,) = [table for table in result.tables if table.title == "State, MiB"]
    assert [row[0] for row in state.rows] == ["RocksDB's files", "checkpointed state", "written by a checkpoint"]


@pytest.mark.usefixtures("broker")
def test_scale_has_figures_of_every_dimension(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "cost_of_rules", lambda counts, _: [(count, 50.0 + count) for count in counts])
    options = scale.ScaleOptions(
        part=list(scale.Dimension), transactions=1_000, parallelism=[1, 2], users=[100, 200], rules=[10, 20]
    )
    result = scale.run(settings, options, ignore)
    assert [table.title for table in result.tables] == ["Parallelism", "Users with state", "Rules in force"]
    assert result.figures["most_users"] == 200
    assert result.figures["rules_fit_us"] == "50.0 + 1.0000 x rules"
    users = result.tables[1]
    assert [row[users.columns.index("state, MiB")] for row in users.rows] == [3, 3]


class TestPeers:
    """The comparison: what is measured, and what happens when a system cannot be."""

    @pytest.fixture
    def options(self) -> peers.ComparisonOptions:
        return peers.ComparisonOptions(
            transactions=5_000,
            seconds=5,
            users=200,
            only=["sentinel", "redis-batched"],
            backlog=True,
            live=[2_000.0],
            live_seconds=0.1,
        )

    @pytest.fixture(autouse=True)
    def systems(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Names of the systems that fail to start; every other one decides at once."""
        failing: set[str] = set()

        @contextmanager
        def start(name: str, settings: Settings) -> Iterator[Any]:
            if name in failing:
                raise OperationError("it does not start")
            yield SimpleNamespace(settings=settings, check=lambda: None)

        def run(settings: Settings) -> InstantRun:
            found = InstantRun(settings)
            object.__setattr__(found, "broker", broker)
            return found

        def await_decisions(settings: Settings, expected: int, within_s: float, _: object) -> None:
            run(settings).await_decisions(expected, within_s)

        ramp = "deploy.bench.peers.rate_ramp"
        monkeypatch.setattr(f"{ramp}.BenchRun", run)
        monkeypatch.setattr(f"{ramp}.await_decisions", await_decisions)
        monkeypatch.setattr(peers, "start_sentinel", lambda settings, _: start("sentinel", settings))
        monkeypatch.setattr(peers, "start_peer", lambda peer, settings, _: start(peer.name, settings))
        monkeypatch.setattr(peers, "measure_throughput", lambda *_: Throughput(5_000, 900, 1_000, 1.5, 400, 100, 50))
        return failing

    def test_every_system_has_its_throughput_and_its_latency(
        self, settings: Settings, options: peers.ComparisonOptions
    ) -> None:
        result = peers.run(settings, options, ignore)
        assert [table.title for table in result.tables] == ["backlog", "guarantees", "live"]
        assert result.figures == {
            "sentinel_per_s": 900,
            "redis_batched_per_s": 900,
            "sentinel_within_250_ms_up_to_per_s": 2_000,
            "redis_batched_within_250_ms_up_to_per_s": 2_000,
        }
        assert [row[2:4] for row in result.tables[2].rows] == [[DECIDED_AFTER_MS, DECIDED_AFTER_MS]] * 2

    def test_a_peer_that_does_not_start_is_left_out_with_a_note(
        self, settings: Settings, options: peers.ComparisonOptions, systems: set[str]
    ) -> None:
        systems.add("redis-batched")
        result = peers.run(settings, options, ignore)
        assert [row[0] for row in result.tables[0].rows] == ["sentinel"]
        assert any("it does not start" in note for note in result.notes)

    def test_without_stream_sentinel_there_is_no_comparison(
        self, settings: Settings, options: peers.ComparisonOptions, systems: set[str]
    ) -> None:
        systems.add("sentinel")
        with pytest.raises(OperationError, match="does not start"):
            peers.run(settings, options, ignore)

    def test_an_unknown_system_is_refused(self, settings: Settings, options: peers.ComparisonOptions) -> None:
        unknown = peers.ComparisonOptions(**vars(options) | {"only": ["spark"]})
        with pytest.raises(OperationError, match="no system spark"):
            peers.run(settings, unknown, ignore)
