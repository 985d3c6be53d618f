"""Command ``python -m apps.training FEATURES.parquet``: build a training table from simulated traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from apps.simulator.simulator import SimulatorOptions
from apps.training.table import build_table

app = typer.Typer(add_completion=False)

EPILOG = """
Example: python -m apps.training features.parquet --transactions 50000

Exit codes: 0 the table was written; 1 the file cannot be written; 2 wrong usage.
"""


@app.command(epilog=EPILOG)
def main(
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    transactions: Annotated[int, typer.Option(min=1_000, help="Number of rows, at least.")] = 400_000,
    warm_up: Annotated[
        int, typer.Option(min=0, help="Transactions before the first row; they only fill profiles.")
    ] = 0,
    rate: Annotated[float, typer.Option(min=0.01, help="Transactions in a second of event time.")] = 0.3,
    users: Annotated[int, typer.Option(min=100, help="Number of users.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Random seed; the same options give the same table.")] = 7,
) -> None:
    """Simulate payments, compute their features as the job does, and write them with their labels."""
    if not file.parent.is_dir():
        raise _failure(f"cannot write {file}: {file.parent} is not a folder")
    try:
        with Progress(transient=True) as progress:
            task = progress.add_task("transactions", total=transactions + warm_up)
            rows = build_table(
                SimulatorOptions(seed=seed, rate=rate, users=users),
                transactions,
                warm_up,
                file,
                lambda done: progress.update(task, completed=done),
            )
    except OSError as error:
        raise _failure(f"cannot write {file}: {error}") from None
    typer.echo(f"{rows:,} payments in {file}; train with: python -m models.train {file} --out FOLDER")


def _failure(text: str) -> typer.Exit:
    Console(stderr=True).print(f"error: {text}", markup=False, emoji=False, highlight=False, soft_wrap=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m apps.training")
