"""``python -m apps.training FEATURES.parquet``: simulate a training table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from apps.simulator.simulator import SimulatorOptions
from apps.training.table import build_table


def main(
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    transactions: Annotated[int, typer.Option(min=1_000, help="Rows of the table.")] = 400_000,
    skipped: Annotated[int, typer.Option(min=0, help="Transactions before the first row, to fill profiles.")] = 0,
    rate: Annotated[float, typer.Option(min=0.01, help="Transactions a second of event time.")] = 0.3,
    users: Annotated[int, typer.Option(min=100, help="Users.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 7,
) -> None:
    """Simulate payments, compute their features as the job would have, and write them with the truth."""
    with Progress(transient=True) as progress:
        task = progress.add_task("transactions", total=transactions + skipped)
        rows = build_table(
            SimulatorOptions(seed=seed, rate=rate, users=users),
            transactions,
            skipped,
            file,
            lambda done: progress.update(task, completed=done),
        )
    typer.echo(f"{rows:,} payments in {file}; train with: python -m models.train {file} --out FOLDER")


if __name__ == "__main__":
    typer.run(main)
