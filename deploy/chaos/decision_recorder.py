"""Records when each decision is appended, also while the broker comes and goes."""

from __future__ import annotations

from collections.abc import Collection
from threading import Event, Thread
from typing import Self

from apps.records import transaction_id
from deploy.clients import kafka_clients
from deploy.clients.decisions import await_count
from flink_jobs.settings import Settings

_MAX_BATCH = 5_000
_POLL_S = 0.2
_JOIN_WITHIN_S = 10.0


class DecisionRecorder(Thread):
    """Follows the topic of decisions from now on, in its own thread; a context manager that starts and ends it.

    Attributes:
        decided_at: when each decision was appended by the broker's clock, seconds, by transaction id.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self.decided_at: dict[str, list[float]] = {}
        self._ending = Event()
        self._consumer = kafka_clients.consumer_from_now(settings, settings.kafka.topics.decisions)

    def run(self) -> None:
        while not self._ending.is_set():
            for message in self._consumer.consume(_MAX_BATCH, _POLL_S):
                # An error means that the broker is away; its records are read when it is back.
                if message.error() is None:
                    name = transaction_id(message.value() or b"{}")
                    self.decided_at.setdefault(name, []).append(message.timestamp()[1] / 1000)
        self._consumer.close()

    def await_decided(self, transaction_ids: Collection[str], within_s: float) -> None:
        """Wait until each of these transactions has a decision.

        Raises:
            DecisionsMissingError: some have none in time.
        """
        await_count(
            lambda: sum(name in self.decided_at for name in transaction_ids),
            len(transaction_ids),
            within_s,
            poll_s=_POLL_S,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.join(timeout=_JOIN_WITHIN_S)
