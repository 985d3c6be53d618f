"""A run that is being measured: what is known when it begins, until it becomes a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.bench.machine import Loads, loads, machine, versions
from apps.bench.machine_speed import fixed_work_ms
from apps.bench.result import Cell, Plot, Result, Table, utc_now


@dataclass(frozen=True)
class Recording:
    """Made before the first thing is measured: it notes the time, and the load and the speed of the machine.

    Args:
        bench: name of the benchmark.
        options: of the command.
        settings: in force.
        jars: the folder of the project's jars, for their versions.
    """

    bench: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    jars: Path
    begun: str = field(default_factory=utc_now)
    loads: Loads = field(default_factory=loads)
    fixed_work_ms: float = field(default_factory=fixed_work_ms)

    def result(
        self,
        figures: Mapping[str, Cell],
        tables: Sequence[Table] = (),
        plots: Sequence[Plot] = (),
        notes: Sequence[str] = (),
    ) -> Result:
        """What was found; to be called as soon as the measuring is over."""
        return Result(
            bench=self.bench,
            begun=self.begun,
            ended=utc_now(),
            options=dict(self.options),
            settings=dict(self.settings),
            machine=machine(self.loads, self.fixed_work_ms),
            versions=versions(self.jars),
            figures=dict(figures),
            tables=list(tables),
            plots=list(plots),
            notes=list(notes),
        )
