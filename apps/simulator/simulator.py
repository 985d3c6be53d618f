"""The simulator: ordinary traffic, attacks in it, and the truth about them later, in order of event time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import Population, draw_population
from apps.simulator.scenarios import SCENARIOS, Scene
from apps.simulator.traffic import busyness, ordinary_payments, users_awake
from apps.simulator.writing import SimulatedRecord, Writer

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PAYMENTS_A_DAY = 2.6
"""What a user usually makes."""
FRAUD_RATE = 0.0271
"""Share of payments that are fraud, as published for e-commerce."""
BEGUN_AT_8 = 0.0785
"""Share of fraud that begins in the hour from 08:00, the worst. Some of it falls into the next hour: in records
between 08:00 and 09:00 the share is 6.16 %, as published (``tests/unit/test_simulated_rates.py`` holds it to that)."""
_LABELLED_LEGITIMATE = 0.01
_VICTIM_AWAKE = 0.6
"""Share of attacks at an hour at which the victim pays as well: who works with the victim's phone, or as the victim."""
_BLOCK = 2_000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is simulated.

    Attributes:
        seed: the same seed and start give the same records, byte for byte.
        start: event time of the beginning, epoch milliseconds.
        rate: payments a second of event time, on average over a day.
        users: how many.
        merchants: how many.
        fraud_rate: share of payments that are fraud; 0 for none.
        by_the_hour: whether traffic and fraud follow the hour of the day; without, ``rate`` holds every second.
        label_delay_ms: after how long the truth is known, at least and at most.
    """

    seed: int = 0
    start: int = 1_767_225_600_000  # 2026-01-01
    rate: float = 10.0
    users: int = 10_000
    merchants: int = 2_000
    fraud_rate: float = FRAUD_RATE
    by_the_hour: bool = True
    label_delay_ms: tuple[int, int] = (2 * DAY_MS, 14 * DAY_MS)


class Simulator:
    """An endless stream of records.

    Args:
        options: what is simulated.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._rng = np.random.default_rng(options.seed)
        self.people: Population = draw_population(self._rng, options.users, options.merchants, options.start)
        self._writer = Writer(self.people, f"{options.start // 1000:x}{options.seed:x}")
        self._time = options.start
        self._order = count()
        self._pending: list[tuple[int, int, Payment | Happening | SimulatedRecord]] = []
        self._attacks = 0
        self._owed = 0.0
        weights = np.array([scenario.weight for scenario in SCENARIOS])
        self._weights = weights / weights.sum()
        self._ordinary_rate = options.rate * (1 - options.fraud_rate)

    @property
    def time(self) -> int:
        """Event time of what comes next, epoch milliseconds."""
        return self._time

    def records(self) -> Iterator[SimulatedRecord]:
        """All records in order of event time, without end."""
        while True:
            yield from self.block(_BLOCK)

    def block(self, payments: int) -> list[SimulatedRecord]:
        """The next records: about so many payments, and what else happens until the last of them."""
        times = self._times(payments)
        self._attack(times)
        for payment in ordinary_payments(self._rng, self.people, times):
            self._expect(payment.time, payment)
        return self._written()

    def _times(self, payments: int) -> NDArray[np.int64]:
        """When the next ordinary payments are made, at least one; event time goes on to the last of them.

        By the hour a block ends with its hour, since the next one has other habits, and event time with it.
        """
        while True:
            hour = self._time // HOUR_MS
            rate = self._ordinary_rate * (busyness(hour % 24) if self.options.by_the_hour else 1.0)
            times = (self._time + np.cumsum(self._rng.exponential(1000 / rate, payments))).astype(np.int64)
            end = (hour + 1) * HOUR_MS
            if not self.options.by_the_hour or times[-1] < end:
                self._time = int(times[-1])
                return times
            self._time = end
            times = times[times < end]
            if len(times):
                return times

    def _attack(self, times: NDArray[np.int64]) -> None:
        """Begin as many attacks as the fraud rate asks for beside the ordinary payments."""
        hour = int(times[0]) // HOUR_MS % 24
        self._owed += len(times) * self._fraud_odds(hour)
        while self._owed > 0:
            scenario = SCENARIOS[int(self._rng.choice(len(SCENARIOS), p=self._weights))]
            self._attacks += 1
            scene = Scene(
                self._rng,
                self.people,
                self._victim(hour),
                int(self._rng.integers(times[0], times[-1] + 1)),
                f"{self.options.seed:x}-{self._attacks}",
            )
            for part in scenario.play(scene):
                if isinstance(part, Payment) and part.fraud is not None:
                    part.attack = self._attacks
                self._expect(part.time, part)
                self._owed -= isinstance(part, Payment) and part.fraud is not None

    def _victim(self, hour: int) -> int:
        """Somebody who might be paying at that hour, or anybody, as stolen numbers come from lists."""
        if self._rng.random() < _VICTIM_AWAKE:
            return int(users_awake(self._rng, self.people, hour, 1)[0])
        return int(self._rng.integers(0, self.people.users))

    def _fraud_odds(self, hour: int) -> float:
        """Fraud payments beside an ordinary one, begun in an hour of the day."""
        overall = _odds(self.options.fraud_rate)
        if not self.options.by_the_hour:
            return overall
        worst = _odds(BEGUN_AT_8) / _odds(FRAUD_RATE)
        at_8 = busyness(8) / 24
        return overall * (worst if hour == 8 else (1 - worst * at_8) / (1 - at_8))

    def _expect(self, time: int, what: Payment | Happening | SimulatedRecord) -> None:
        heapq.heappush(self._pending, (time, next(self._order), what))

    def _written(self) -> list[SimulatedRecord]:
        """Everything that is due by now, written down."""
        written: list[SimulatedRecord] = []
        pending, writer = self._pending, self._writer
        while pending and pending[0][0] <= self._time:
            what = heapq.heappop(pending)[2]
            if isinstance(what, Payment):
                transaction_id, record = writer.transaction(what)
                written.append(record)
                self._label(transaction_id, what)
            elif isinstance(what, Happening):
                written.append(writer.account_event(what))
            else:
                written.append(what)
        return written

    def _label(self, transaction_id: str, payment: Payment) -> None:
        if payment.fraud is None and self._rng.random() >= _LABELLED_LEGITIMATE:
            return
        low, high = self.options.label_delay_ms
        time = payment.time + int(self._rng.integers(low, high + 1))
        self._expect(time, self._writer.label(transaction_id, payment, time))


def _odds(share: float) -> float:
    return share / (1 - share)
