"""Isolation of several jobs on the same Kafka and Flink by a namespace, as tests and benchmarks need it."""

from __future__ import annotations

from flink_jobs.settings import JobSettings, Settings, TopicNames


def with_namespace(settings: Settings, prefix: str, **job: object) -> Settings:
    """Make settings whose topics, consumer group and job name begin with a prefix.

    Args:
        settings: to begin with.
        prefix: unique on this Kafka and Flink.
        job: fields of ``settings.job`` that differ.
    """
    names = TopicNames()
    topics = TopicNames(**{field: f"{prefix}-{name}" for field, name in names.model_dump().items()})
    kafka = settings.kafka.model_copy(update={"topics": topics, "consumer_group": prefix})
    job_settings = JobSettings.model_validate(settings.job.model_dump() | {"name": prefix} | job)
    return settings.model_copy(update={"kafka": kafka, "job": job_settings})
