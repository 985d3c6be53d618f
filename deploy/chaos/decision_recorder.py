"""Sees when each decision is appended, also while the broker comes and goes."""

from __future__ import annotations

import time
from collections.abc import Collection
from threading import Event, Thread
from typing import Self

from apps.records import transaction_id
from deploy.clients import kafka_clients
from deploy.errors import OperationError
from flink_jobs.settings import Settings

_AT_ONCE = 5_000
_POLL_S = 0.2
_ENDED_WITHIN_S = 10.0


class DecisionRecorder(Thread):
    """Follows the decisions from now on, from a thread of its own.

    Attributes:
        decided_at: when each decision was appended by the broker's clock, seconds, by transaction id.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self.decided_at: dict[str, list[float]] = {}
        self._over = Event()
        self._consumer = kafka_clients.follower(settings, settings.kafka.topics.decisions)

    def run(self) -> None:
        while not self._over.is_set():
            for message in self._consumer.consume(_AT_ONCE, _POLL_S):
                # An error is a broker that is away; what is missed is read when it is back.
                if message.error() is None:
                    name = transaction_id(message.value() or b"{}")
                    self.decided_at.setdefault(name, []).append(message.timestamp()[1] / 1000)
        self._consumer.close()

    def await_decided(self, wanted: Collection[str], within_s: float) -> None:
        """Wait until each of these has a decision.

        Raises:
            OperationError: they have not in time.
        """
        deadline = time.monotonic() + within_s
        while missing := sum(name not in self.decided_at for name in wanted):
            if time.monotonic() > deadline:
                raise OperationError(f"{missing} of {len(wanted)} transactions are not decided after {within_s:.0f} s")
            time.sleep(_POLL_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(timeout=_ENDED_WITHIN_S)
