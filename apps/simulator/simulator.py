"""The simulator: legitimate traffic, attacks within it, and delayed labels, in order of event time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import Population, draw_population
from apps.simulator.scenarios import SCENARIOS, ScenarioContext
from apps.simulator.traffic import draw_active_users, ordinary_payments, relative_traffic
from apps.simulator.writing import RecordWriter, SimulatedRecord
from state.kernel.times import DAY_MS, HOUR_MS

PAYMENTS_A_DAY = 2.6
"""Mean number of payments of a user in a day."""
FRAUD_RATE = 0.0271
"""Share of payments that are fraud, as published for e-commerce."""
FRAUD_STARTED_AT_8 = 0.0785
"""Share of fraud among the payments that begin in the hour from 08:00, the worst one.

Some of it falls into the next hour: of the records from 08:00 to 09:00, 6.16 % are fraud, as published
(``tests/unit/test_simulated_rates.py`` checks it).
"""
_LABELED_LEGITIMATE_SHARE = 0.01
_ACTIVE_VICTIM_SHARE = 0.6
"""Share of attacks in an hour in which the victim is active too: the attacker uses the victim's phone or account."""
_BLOCK = 2_000


@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    """Options of a simulation.

    Attributes:
        seed: the same options give the same records, byte for byte.
        start: event time of the beginning, epoch milliseconds.
        rate: mean number of payments in a second of event time.
        users: number of users.
        merchants: number of merchants.
        fraud_rate: share of payments that are fraud; 0 for none.
        diurnal: whether traffic and fraud vary with the hour of the day; without it ``rate`` holds at all hours.
        label_delay_ms: shortest and longest delay of a label after its payment, milliseconds.
    """

    seed: int = 0
    start: int = 1_767_225_600_000  # 2026-01-01
    rate: float = 10.0
    users: int = 10_000
    merchants: int = 2_000
    fraud_rate: float = FRAUD_RATE
    diurnal: bool = True
    label_delay_ms: tuple[int, int] = (2 * DAY_MS, 14 * DAY_MS)


class Simulator:
    """Generates an endless stream of records.

    Args:
        options: options of the simulation.
    """

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self._rng = np.random.default_rng(options.seed)
        self.population: Population = draw_population(self._rng, options.users, options.merchants, options.start)
        self._writer = RecordWriter(self.population, f"{options.start // 1000:x}{options.seed:x}")
        self._time = options.start
        self._order = count()
        self._pending: list[tuple[int, int, DraftPayment | DraftAccountEvent | SimulatedRecord]] = []
        self._attacks = 0
        self._fraud_due = 0.0
        weights = np.array([scenario.weight for scenario in SCENARIOS])
        self._weights = weights / weights.sum()
        self._ordinary_rate = options.rate * (1 - options.fraud_rate)

    @property
    def time(self) -> int:
        """Event time up to which records have been generated, epoch milliseconds."""
        return self._time

    def records(self) -> Iterator[SimulatedRecord]:
        """Generate records in order of event time, without end."""
        while True:
            yield from self.block(_BLOCK)

    def block(self, payments: int) -> list[SimulatedRecord]:
        """Generate the next records: about ``payments`` payments, and the other records up to the last of them."""
        times = self._draw_times(payments)
        self._start_attacks(times)
        for payment in ordinary_payments(self._rng, self.population, times):
            self._schedule(payment.time, payment)
        return self._due_records()

    def _draw_times(self, payments: int) -> NDArray[np.int64]:
        """Draw the times of the next legitimate payments, at least one, and advance event time to the last of them.

        With a diurnal cycle a block ends with its hour, since activity changes there, and event time advances to the
        hour's end.
        """
        while True:
            hour = self._time // HOUR_MS
            rate = self._ordinary_rate * (relative_traffic(hour % 24) if self.options.diurnal else 1.0)
            times = (self._time + np.cumsum(self._rng.exponential(1000 / rate, payments))).astype(np.int64)
            end = (hour + 1) * HOUR_MS
            if not self.options.diurnal or times[-1] < end:
                self._time = int(times[-1])
                return times
            self._time = end
            times = times[times < end]
            if len(times):
                return times

    def _start_attacks(self, times: NDArray[np.int64]) -> None:
        """Start the number of attacks that keeps the fraud rate, at random moments between the legitimate payments."""
        hour = int(times[0]) // HOUR_MS % 24
        self._fraud_due += len(times) * self._fraud_odds(hour)
        while self._fraud_due > 0:
            scenario = SCENARIOS[int(self._rng.choice(len(SCENARIOS), p=self._weights))]
            self._attacks += 1
            context = ScenarioContext(
                self._rng,
                self.population,
                self._draw_victim(hour),
                int(self._rng.integers(times[0], times[-1] + 1)),
                f"{self.options.seed:x}-{self._attacks}",
            )
            for draft in scenario.generate(context):
                if isinstance(draft, DraftPayment) and draft.fraud is not None:
                    draft.attack = self._attacks
                    self._fraud_due -= 1
                self._schedule(draft.time, draft)

    def _draw_victim(self, hour: int) -> int:
        """Draw a user by activity in that hour, or else any user, as stolen card numbers are sold in lists."""
        if self._rng.random() < _ACTIVE_VICTIM_SHARE:
            return int(draw_active_users(self._rng, self.population, hour, 1)[0])
        return int(self._rng.integers(0, self.population.users))

    def _fraud_odds(self, hour: int) -> float:
        """Number of fraudulent payments to start for each legitimate one, in an hour of the day."""
        overall = _odds(self.options.fraud_rate)
        if not self.options.diurnal:
            return overall
        worst = _odds(FRAUD_STARTED_AT_8) / _odds(FRAUD_RATE)
        at_8 = relative_traffic(8) / 24
        return overall * (worst if hour == 8 else (1 - worst * at_8) / (1 - at_8))

    def _schedule(self, time: int, item: DraftPayment | DraftAccountEvent | SimulatedRecord) -> None:
        heapq.heappush(self._pending, (time, next(self._order), item))

    def _due_records(self) -> list[SimulatedRecord]:
        """Encode every scheduled item up to the current event time."""
        records: list[SimulatedRecord] = []
        pending, writer = self._pending, self._writer
        while pending and pending[0][0] <= self._time:
            item = heapq.heappop(pending)[2]
            if isinstance(item, DraftPayment):
                transaction_id, record = writer.transaction(item)
                records.append(record)
                self._schedule_label(transaction_id, item)
            elif isinstance(item, DraftAccountEvent):
                records.append(writer.account_event(item))
            else:
                records.append(item)
        return records

    def _schedule_label(self, transaction_id: str, payment: DraftPayment) -> None:
        if payment.fraud is None and self._rng.random() >= _LABELED_LEGITIMATE_SHARE:
            return
        low, high = self.options.label_delay_ms
        time = payment.time + int(self._rng.integers(low, high + 1))
        self._schedule(time, self._writer.label(transaction_id, payment, time))


def _odds(share: float) -> float:
    return share / (1 - share)
