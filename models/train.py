"""Command ``python -m models.train FEATURES.parquet --out FOLDER``: train a model and write its artefact."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models import artefact, feature_table, trainer
from models.metadata import Metadata

app = typer.Typer(add_completion=False)

EPILOG = """
Example: python -m models.train features.parquet --out my-model

Exit codes: 0 the model was written; 1 the table cannot be trained on, or the folder cannot be written; 2 wrong usage.
"""


@app.command(epilog=EPILOG)
def main(
    features: Annotated[Path, typer.Argument(help="Parquet table of features, labels and event times.")],
    out: Annotated[Path, typer.Option(help="Folder to write the model to; replaces a model that is there.")],
    seed: Annotated[int, typer.Option(help="Random seed; the same table and seed give the same model.")] = 0,
    trees: Annotated[
        int, typer.Option(min=1, help="Number of trees; scoring time grows with it.")
    ] = trainer.DEFAULT_TREES,
) -> None:
    """Train a fraud model on the oldest payments, calibrate it on later ones, and evaluate it on the latest."""
    try:
        trained = trainer.train(feature_table.read(features), seed, datetime.now(UTC), trees)
        artefact.write(trained, out)
    except (feature_table.TableError, artefact.ArtefactError) as error:
        Console(stderr=True).print(f"error: {error}", markup=False, emoji=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    Console(markup=False, emoji=False).print(_summary(trained.metadata, out))


def _summary(metadata: Metadata, out: Path) -> Table:
    table = Table(title=f"{metadata.version} in {out}", show_header=False)
    rows, metrics = metadata.rows, metadata.metrics
    table.add_row("payments", f"{rows.fit:,} to fit, {rows.calibration:,} to calibrate, {rows.test:,} to test")
    table.add_row("features", f"{len(metadata.feature_names)} (hash {metadata.feature_hash})")
    table.add_row("AUC", f"{metrics.auc:.3f}")
    table.add_row("average precision", f"{metrics.average_precision:.3f}")
    if metrics.card_precision is not None:
        table.add_row(f"card precision@{metrics.card_precision.k}", f"{metrics.card_precision.value:.3f}")
    before, after = metrics.brier_before_calibration, metrics.brier_after_calibration
    table.add_row("Brier score", f"{before:.5f} before calibration, {after:.5f} after")
    for point in metadata.thresholds:
        precision = "nothing flagged" if point.precision is None else f"precision {point.precision:.3f}"
        table.add_row(
            f"score >= {point.threshold:g}",
            f"{precision}, recall {point.recall:.3f}, {point.flagged_share:.2%} of payments",
        )
    return table


if __name__ == "__main__":
    app(prog_name="python -m models.train")
