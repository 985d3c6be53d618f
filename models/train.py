"""``python -m models.train FEATURES.parquet --out FOLDER``: train a model and write its artefact."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models import artefact, feature_table, trainer
from models.metadata import Metadata


def main(
    features: Annotated[Path, typer.Argument(help="Parquet table of features, label and event_time.")],
    out: Annotated[Path, typer.Option(help="Folder to write; a model already there is replaced.")],
    seed: Annotated[int, typer.Option(help="Seed of everything random; the same seed gives the same model.")] = 0,
    trees: Annotated[int, typer.Option(min=1, help="Number of trees; scoring time grows with it.")] = trainer.TREES,
) -> None:
    """Train a fraud model on the oldest payments, calibrate it on later ones, and measure it on the latest."""
    console = Console()
    try:
        trained = trainer.train(feature_table.read(features), seed, datetime.now(UTC), trees)
        artefact.write(trained, out)
    except (feature_table.TableError, artefact.ArtefactError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    console.print(_summary(trained.metadata, out))


def _summary(metadata: Metadata, out: Path) -> Table:
    shown = Table(title=f"{metadata.version} in {out}", show_header=False)
    rows, measured = metadata.rows, metadata.metrics
    shown.add_row("payments", f"{rows.fit:,} to fit, {rows.calibration:,} to calibrate, {rows.test:,} to measure")
    shown.add_row("features", f"{len(metadata.feature_names)} (hash {metadata.feature_hash})")
    shown.add_row("AUC", f"{measured.auc:.3f}")
    shown.add_row("average precision", f"{measured.average_precision:.3f}")
    if measured.card_precision is not None:
        shown.add_row(f"card precision@{measured.card_precision.k}", f"{measured.card_precision.value:.3f}")
    before, after = measured.brier_before_calibration, measured.brier_after_calibration
    shown.add_row("Brier score", f"{before:.5f} before calibration, {after:.5f} after")
    for point in metadata.thresholds:
        precision = "nothing flagged" if point.precision is None else f"precision {point.precision:.3f}"
        shown.add_row(
            f"score >= {point.threshold:g}",
            f"{precision}, recall {point.recall:.3f}, {point.flagged_share:.2%} of payments",
        )
    return shown


if __name__ == "__main__":
    typer.run(main)
