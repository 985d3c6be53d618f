"""The same Kafka and Flink under names of one's own: for tests and benchmarks, which disturb nobody so."""

from __future__ import annotations

from flink_jobs.settings import JobSettings, Settings, TopicNames


def with_namespace(settings: Settings, prefix: str, **job: object) -> Settings:
    """Settings with topics, consumer group and job name of one's own.

    Args:
        settings: to begin with.
        prefix: begins every name; nobody else may use it.
        job: fields of ``settings.job`` that are to differ.
    """
    names = TopicNames()
    topics = TopicNames(**{field: f"{prefix}-{name}" for field, name in names.model_dump().items()})
    kafka = settings.kafka.model_copy(update={"topics": topics, "consumer_group": prefix})
    of_job = JobSettings.model_validate(settings.job.model_dump() | {"name": prefix} | job)
    return settings.model_copy(update={"kafka": kafka, "job": of_job})
