"""Simulations into the Kafka of the settings, for the commands that need one."""

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
    """How fast event time must go for so many users to pay as often as people do, at so many payments a second."""
    return max(1.0, rate * DAY_S / (users * PAYMENTS_A_DAY))


def options_until_now(rate: float, history: int, live_s: float, **others: float) -> SimulatorOptions:
    """Options of a simulation that ends now.

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
    """From the simulator into the topics of the settings; ``note`` is told of every record.

    Without a sender there is one of its own.

    Raises:
        OperationError: no broker answers.
    """
    names = settings.kafka.topics
    topics = {
        Topic.TRANSACTIONS: names.transactions,
        Topic.ACCOUNT_EVENTS: names.account_events,
        Topic.LABELS: names.labels,
    }
    return Feed(sender or kafka_clients.sender(settings), topics, note)
