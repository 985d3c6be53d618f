"""``sentinel bench features`` and ``patterns``: parts of the job, in this process and without Flink."""

from __future__ import annotations

from apps.bench.micro import features as features_bench
from apps.bench.micro import patterns as patterns_bench
from deploy.console import console


def features() -> None:
    """Measure what features and packed profiles cost, in this process and without Flink."""
    console.print(features_bench.table())


def patterns() -> None:
    """Measure what patterns cost an ordinary payment, from 8 to 64 of them, in this process and without Flink."""
    console.print(patterns_bench.table())
