"""Traffic of a population in which all users pay alike: so that its state is as large as it is said to be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from apps.simulator.population import draw_population
from apps.simulator.simulator import PAYMENTS_A_DAY
from apps.simulator.traffic import payments_of_users
from apps.simulator.writing import RecordWriter, SimulatedRecord
from state.kernel.times import DAY_MS

USERS_A_MERCHANT = 5
_BLOCK = 2_000


class UniformTraffic:
    """Ordinary payments without fraud, account events or labels; event time ends about now.

    Users pay as often as people do and merchants are in proportion to them, so that a larger population is a larger
    town and not a busier one.

    Args:
        users: how many.
        payments: that will be asked for in all.
        now_ms: epoch milliseconds, the end.
        seed: of chance.
    """

    def __init__(self, users: int, payments: int, now_ms: int, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._step_ms = DAY_MS / (users * PAYMENTS_A_DAY)
        start = now_ms - int(payments * self._step_ms)
        self._people = draw_population(self._rng, users, max(users // USERS_A_MERCHANT, 10), start)
        self._writer = RecordWriter(self._people, f"{start // 1000:x}{seed:x}")
        self._time = float(start)

    def everybody(self) -> Iterator[SimulatedRecord]:
        """One payment of every user, in an order of chance."""
        order = self._rng.permutation(self._people.users)
        for begin in range(0, len(order), _BLOCK):
            yield from self._payments(order[begin : begin + _BLOCK])

    def anybody(self, payments: int) -> Iterator[SimulatedRecord]:
        """So many payments, each of any user."""
        for begin in range(0, payments, _BLOCK):
            yield from self._payments(self._rng.integers(0, self._people.users, min(_BLOCK, payments - begin)))

    def _payments(self, users: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Iterator[SimulatedRecord]:
        times = (self._time + np.arange(1, len(users) + 1) * self._step_ms).astype(np.int64)
        self._time = float(times[-1])
        for payment in payments_of_users(self._rng, self._people, users, times):
            yield self._writer.transaction(payment)[1]
