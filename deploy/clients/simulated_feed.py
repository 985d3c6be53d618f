"""Simulated traffic for the Kafka of the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from apps.kafka_producer import KafkaProducer
from apps.simulator.sending import Feed
from apps.simulator.simulator import PAYMENTS_A_DAY, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from deploy.clients import kafka_clients
from flink_jobs.settings import Settings
from udfs.names import Topic

DAY_S = 86_400


def natural_speedup(rate: float, users: int) -> float:
    """Compute how fast event time must pass so that users pay as often as people do.

    Args:
        rate: payments a second of the wall clock.
        users: that make them.

    Returns:
        Seconds of event time in a second, at least 1.
    """
    return max(1.0, rate * DAY_S / (users * PAYMENTS_A_DAY))


def options_until_now(rate: float, history: int, live_s: float, **others: float) -> SimulatorOptions:
    """Make the options of a simulation that ends now.

    Args:
        rate: payments a second of event time.
        history: payments before the live part.
        live_s: length of the live part in event time, seconds.
        others: further fields of ``SimulatorOptions``.
    """
    start = time.time() - live_s - history / rate
    return SimulatorOptions(rate=rate, start=int(start * 1000), diurnal=False, **others)  # type: ignore[arg-type]


def open_feed(
    settings: Settings, note: Callable[[SimulatedRecord], None] | None = None, sender: KafkaProducer | None = None
) -> Feed:
    """Open a feed from the simulator into the topics of the settings.

    Args:
        settings: of the broker and its topics.
        note: called with each record that is sent.
        sender: producer to use; None makes one.

    Raises:
        OperationError: no broker answers.
    """
    names = settings.kafka.topics
    topics = {
        Topic.TRANSACTIONS: names.transactions,
        Topic.ACCOUNT_EVENTS: names.account_events,
        Topic.LABELS: names.labels,
    }
    return Feed(sender or kafka_clients.producer(settings), topics, note)
