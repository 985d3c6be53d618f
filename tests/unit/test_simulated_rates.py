"""Simulated fraud has the published rates: overall, by the hour and by the amount.

Tolerances are three standard errors of a binomial share, widened for clusters: payments of one attack share an hour
(about three of them) and a range of amounts (about six of them).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from apps.simulator.population import CATEGORIES
from apps.simulator.scenarios import SCENARIOS
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.traffic import relative_traffic
from state.kernel.times import HOUR_MS
from udfs.names import Topic

PAYMENTS = 600_000
RATE = 0.5
SMALL = 10.0


@dataclass
class Sample:
    """Counts of payments and of fraud."""

    payments: int = 0
    fraud: int = 0
    by_hour: Counter[int] = field(default_factory=Counter)
    fraud_by_hour: Counter[int] = field(default_factory=Counter)
    small: int = 0
    small_fraud: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    grocery_logs: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, value: bytes, time: int, fraud: str | None) -> None:
        """Count a payment; reads only the fields it needs, since decoding all records would take minutes."""
        amount = float(value.split(b'"amount":', 1)[1].split(b",", 1)[0])
        hour = time // HOUR_MS % 24
        self.payments += 1
        self.by_hour[hour] += 1
        self.small += amount < SMALL
        if fraud is not None:
            self.fraud += 1
            self.fraud_by_hour[hour] += 1
            self.small_fraud += amount < SMALL
            self.kinds[fraud] += 1
        elif b'"merchant_category":"grocery"' in value:
            self.grocery_logs.append(math.log(amount))


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Two weeks of payments."""
    simulator, counted = Simulator(SimulatorOptions(seed=1, rate=RATE)), Sample()
    while counted.payments < PAYMENTS:
        for record in simulator.block(2_000):
            if record.topic == Topic.TRANSACTIONS:
                counted.add(record.value, record.time, record.fraud)
    counted.seconds = (simulator.time - simulator.options.start) / 1_000
    return counted


def three_errors(share: float, count: int, cluster: int) -> float:
    """Three standard errors of a share of ``count`` payments, in clusters of ``cluster``."""
    return 3 * math.sqrt(share * (1 - share) / count * cluster)


def test_overall_2_71_percent_is_fraud(sample: Sample) -> None:
    # Attacks are started until the rate is reached, so the share varies less than that of independent payments.
    assert sample.fraud / sample.payments == pytest.approx(0.0271, abs=three_errors(0.0271, sample.payments, 1))


def test_from_eight_to_nine_6_16_percent_is_fraud(sample: Sample) -> None:
    share = sample.fraud_by_hour[8] / sample.by_hour[8]
    assert share == pytest.approx(0.0616, abs=three_errors(0.0616, sample.by_hour[8], 3))


def test_no_other_hour_has_as_much_fraud(sample: Sample) -> None:
    shares = {hour: sample.fraud_by_hour[hour] / count for hour, count in sample.by_hour.items()}
    assert max(shares, key=shares.__getitem__) == 8
    # At night there are so few payments that a handful of attacks is a large share.
    busy_hours = {hour: share for hour, share in shares.items() if sample.by_hour[hour] > sample.payments / 48}
    assert sorted(busy_hours.values())[-2] < 0.05


def test_of_amounts_under_ten_5_08_percent_is_fraud(sample: Sample) -> None:
    share = sample.small_fraud / sample.small
    assert share == pytest.approx(0.0508, abs=three_errors(0.0508, sample.small, 6))


def test_every_scenario_has_its_share(sample: Sample) -> None:
    assert sample.kinds.keys() == {scenario.kind for scenario in SCENARIOS}
    assert min(sample.kinds.values()) > 0.02 * sample.fraud


def test_traffic_follows_the_activity_of_users_by_hour(sample: Sample) -> None:
    for hour in (4, 12, 19):
        days = sample.seconds / 86_400
        expected = relative_traffic(hour) / 24 * 86_400 * RATE * days
        assert sample.by_hour[hour] == pytest.approx(expected, rel=0.1), hour


def test_the_mean_rate_is_the_rate_of_the_options(sample: Sample) -> None:
    assert sample.payments / sample.seconds == pytest.approx(RATE, rel=0.02)  # the last day is incomplete


def test_amounts_of_a_category_are_log_normal(sample: Sample) -> None:
    logs = np.array(sample.grocery_logs)
    standard = (logs - logs.mean()) / logs.std()
    assert logs.mean() == pytest.approx(3.75 + math.log(CATEGORIES[0].amount_factor), abs=0.05)
    assert np.quantile(standard, [0.02, 0.25, 0.5, 0.75, 0.98]) == pytest.approx(
        [-2.054, -0.674, 0.0, 0.674, 2.054], abs=0.03
    )
    assert (standard**3).mean() == pytest.approx(0, abs=0.05)
    assert (standard**4).mean() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_the_fraud_rate_can_be_set(rate: float) -> None:
    records = Simulator(SimulatorOptions(seed=2, rate=0.5, diurnal=False, fraud_rate=rate)).block(60_000)
    fraud = [record.fraud is not None for record in records if record.topic == Topic.TRANSACTIONS]
    assert sum(fraud) / len(fraud) == pytest.approx(rate, rel=0.03)
