"""A benchmark run in progress: its beginning is recorded, and its end makes a result of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.bench.machine import LoadAverages, describe_machine, load_averages, versions
from apps.bench.machine_speed import fixed_work_ms
from apps.bench.result import Cell, Plot, Result, Table, utc_now


@dataclass(frozen=True)
class Recording:
    """Beginning of a run: create it before the first measurement.

    Attributes:
        bench: name of the benchmark.
        options: options of the command.
        settings: all settings.
        jars: folder of the project's jars, whose versions are recorded.
        begun: time of the beginning, ISO-8601, UTC.
        load_before: load averages over 1, 5 and 15 minutes.
        fixed_work_before_ms: speed of the machine, as in ``machine_speed``.
    """

    bench: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    jars: Path
    begun: str = field(default_factory=utc_now)
    load_before: LoadAverages = field(default_factory=load_averages)
    fixed_work_before_ms: float = field(default_factory=fixed_work_ms)

    def result(
        self,
        figures: Mapping[str, Cell],
        tables: Sequence[Table] = (),
        plots: Sequence[Plot] = (),
        notes: Sequence[str] = (),
    ) -> Result:
        """Make the result; call it as soon as the measurement ends, since it records time, load and speed."""
        return Result(
            bench=self.bench,
            begun=self.begun,
            ended=utc_now(),
            options=dict(self.options),
            settings=dict(self.settings),
            machine=describe_machine(self.load_before, self.fixed_work_before_ms),
            versions=versions(self.jars),
            figures=dict(figures),
            tables=list(tables),
            plots=list(plots),
            notes=list(notes),
        )
