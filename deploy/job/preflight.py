"""What is asked of Kafka before a job is submitted: a job with a wrong address would run, and read nothing."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.clients import consumer_lag, kafka_clients
from deploy.errors import OperationError
from flink_jobs.settings import Settings


def check_topics(settings: Settings) -> None:
    """Ask the brokers for the topics of the settings.

    Raises:
        OperationError: no broker answers, or topics are missing.
    """
    existing = kafka_clients.admin(settings).list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    missing = [name for name in settings.kafka.topics.model_dump().values() if name not in existing]
    if missing:
        raise OperationError(
            f"{settings.kafka.bootstrap_servers} has no topic {', '.join(missing)}: "
            "create the topics with `sentinel topics`, or correct kafka.bootstrap_servers and kafka.topics"
        )


def lost_records(settings: Settings, offsets: Mapping[str, consumer_lag.Offsets]) -> dict[str, int]:
    """Count by topic the input that is gone before a job goes on from these offsets.

    Args:
        settings: of Kafka.
        offsets: of a savepoint; empty for those that the consumer group has committed.
    """
    return consumer_lag.lost(settings, offsets or consumer_lag.committed_offsets(settings))


def describe_loss(lost: Mapping[str, int]) -> str:
    """Say in one sentence what a job will never read; empty when nothing is lost."""
    if not lost:
        return ""
    counts = ", ".join(f"{count:,} of {topic}" for topic, count in lost.items())
    return (
        f"lost: {counts}: these records came after the offsets from which the job goes on, and were deleted "
        "(retention) before it could read them; they are never decided (markers of transactions count as well)"
    )
