"""Observes a running job: number of decisions, their rate and latency, and the latest alerts."""

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
_MAX_BATCH = 5_000


class _Alert(msgspec.Struct):
    transaction_id: str
    severity: str


class Observer:
    """Follows the topics of decisions and alerts from now on; one thread calls ``poll`` a few times a second.

    Args:
        settings: of the broker and its topics.
        sent_at: when each transaction was sent, seconds of the wall clock, by id; may grow meanwhile. Latency is
            measured of these transactions only.

    Attributes:
        decided: number of decisions seen.
        alerts: severity of the alerts seen, by transaction id.
        latest: the last alerts, as they came.
        latencies_s: seconds from sending a transaction to the append of its decision, one for each of ``sent_at``.
    """

    def __init__(self, settings: Settings, sent_at: Mapping[str, float]) -> None:
        self._sent_at = sent_at
        self._decisions = kafka_clients.consumer_from_now(settings, settings.kafka.topics.decisions)
        self._alerts = kafka_clients.consumer_from_now(settings, settings.kafka.topics.alerts)
        self.decided = 0
        self.alerts: dict[str, str] = {}
        self.latest: deque[bytes] = deque(maxlen=ALERTS_SHOWN)
        self.latencies_s: list[float] = []
        self._history: deque[tuple[float, int, int]] = deque()

    def poll(self, timeout_s: float = 0.1) -> None:
        """Read what has come; waits for decisions for at most ``timeout_s``."""
        for value, appended_s in _read(self._decisions, timeout_s):
            self.decided += 1
            sent_at = self._sent_at.get(transaction_id(value))
            if sent_at is not None:
                self.latencies_s.append(max(0.0, appended_s - sent_at))
        for value, _ in _read(self._alerts, 0.0):
            alert = msgspec.json.decode(value, type=_Alert)
            self.alerts[alert.transaction_id] = alert.severity
            self.latest.append(value)
        now = time.monotonic()
        self._history.append((now, self.decided, len(self.latencies_s)))
        while now - self._history[0][0] > WINDOW_S:
            self._history.popleft()

    @property
    def per_s(self) -> float:
        """Decisions a second over the last seconds."""
        (first, before, _), (last, after, _) = self._history[0], self._history[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def recent_latency_ms(self, percentile: float) -> float | None:
        """A percentile of the latency over the last seconds, milliseconds; None without decisions."""
        return percentile_ms(self.latencies_s[self._history[0][2] :], percentile) if self._history else None

    def close(self) -> None:
        """Close the consumers."""
        self._decisions.close()
        self._alerts.close()


def percentile_ms(latencies_s: list[float], percentile: float) -> float | None:
    """Compute a percentile in milliseconds; None of an empty list."""
    return float(np.percentile(latencies_s, percentile) * 1000) if latencies_s else None


def _read(consumer: Consumer, timeout_s: float) -> list[tuple[bytes, float]]:
    messages = consumer.consume(_MAX_BATCH, timeout_s)
    return [(message.value() or b"{}", message.timestamp()[1] / 1000) for message in messages if not message.error()]
