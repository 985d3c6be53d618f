"""Looks on while the job decides: how many decisions, how fast, which alerts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

import msgspec
import numpy as np
from confluent_kafka import Consumer

from apps.records import transaction_id
from deploy.clients import kafka_clients
from flink_jobs.settings import Settings

ALERTS_SHOWN = 8
WINDOW_S = 5.0
_AT_ONCE = 5_000


class _Alert(msgspec.Struct):
    transaction_id: str
    severity: str


class Observer:
    """Follows decisions and alerts from now on; ``look`` is called a few times a second, by one thread.

    Args:
        settings: where they are.
        sent_at: when each transaction was sent, wall clock in seconds, by id; may grow meanwhile. Latency is measured
            of those only.

    Attributes:
        decided: decisions seen.
        alerts: alerts seen, by transaction id.
        latest: the last alerts, as they came.
        waited: seconds from sending to the decision's append, of every decision whose transaction is in ``sent_at``.
    """

    def __init__(self, settings: Settings, sent_at: Mapping[str, float]) -> None:
        self._sent_at = sent_at
        self._decisions = kafka_clients.follower(settings, settings.kafka.topics.decisions)
        self._alerts = kafka_clients.follower(settings, settings.kafka.topics.alerts)
        self.decided = 0
        self.alerts: dict[str, str] = {}
        self.latest: deque[bytes] = deque(maxlen=ALERTS_SHOWN)
        self.waited: list[float] = []
        self._recent: deque[tuple[float, int, int]] = deque()

    def look(self, patience_s: float = 0.1) -> None:
        """Take in what has come; waits for at most ``patience_s``."""
        for value, appended_s in _values(self._decisions, patience_s):
            self.decided += 1
            sent = self._sent_at.get(transaction_id(value))
            if sent is not None:
                self.waited.append(max(0.0, appended_s - sent))
        for value, _ in _values(self._alerts, 0.0):
            alert = msgspec.json.decode(value, type=_Alert)
            self.alerts[alert.transaction_id] = alert.severity
            self.latest.append(value)
        now = time.monotonic()
        self._recent.append((now, self.decided, len(self.waited)))
        while now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()

    @property
    def per_s(self) -> float:
        """Decisions a second, lately."""
        (first, before, _), (last, after, _) = self._recent[0], self._recent[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def recent_latency_ms(self, percentile: float) -> float | None:
        """Of the latency of the last seconds' decisions; None where there are none."""
        return latency_ms(self.waited[self._recent[0][2] :], percentile) if self._recent else None

    def close(self) -> None:
        """Let the consumers go."""
        self._decisions.close()
        self._alerts.close()


def latency_ms(waited: list[float], percentile: float) -> float | None:
    """A percentile of seconds, in milliseconds."""
    return float(np.percentile(waited, percentile) * 1000) if waited else None


def _values(consumer: Consumer, patience_s: float) -> list[tuple[bytes, float]]:
    messages = consumer.consume(_AT_ONCE, patience_s)
    return [(message.value() or b"{}", message.timestamp()[1] / 1000) for message in messages if not message.error()]
