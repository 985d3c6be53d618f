"""``sentinel patterns check`` and ``sentinel patterns try``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from apps.backtest.patterns import FoundMatch, PatternBacktest, on_file, on_simulation
from apps.replay.mapping import ColumnMapping, MappingError, load_mapping
from apps.replay.rows import FileError, open_rows
from apps.simulator.simulator import SimulatorOptions
from deploy.console import console, say
from deploy.errors import OperationError
from udfs.patterns import PatternError, PatternSet, load_patterns

SIMULATION = "simulation"
_SHOWN = 3

app = typer.Typer(help="Check patterns, and try them on data before they are in force.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="YAML, like udfs/patterns/defaults.yaml.")]


@app.command()
def check(file: File) -> None:
    """Read a file of patterns, and name every fault with line and column."""
    patterns = _load(file)
    say(f"{file}: version {patterns.version}, {len(patterns.all)} patterns, no fault")
    for pattern in patterns.all:
        disabled = "" if pattern.enabled else ", disabled"
        steps = ", ".join(step.name for step in pattern.steps)
        over = f"over a {pattern.entity} within {pattern.within}"
        say(f"  {pattern.id} version {pattern.version}, {over}: {steps}{disabled}")


@app.command(name="try")
def try_(
    file: File,
    data: Annotated[
        str, typer.Option("--on", help=f"Parquet, CSV or JSON lines in order of time; or `{SIMULATION}`.")
    ] = SIMULATION,
    mapping: Annotated[
        str | None, typer.Option(help="Mapping of the file's columns: handbook, sparkov, or a YAML file.")
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="FIELD=SOURCE, over the mapping; may be given often.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Transactions at most; 100,000 of a simulation.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 1,
    users: Annotated[int, typer.Option(min=100, help="Of the simulation.")] = 10_000,
) -> None:
    """Run a file of patterns over data: matches, rate a day, sample sequences, and how often they are right."""
    patterns = _load(file)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True) as progress:
        task = progress.add_task("looking for patterns", total=limit)

        def tell(done: int) -> None:
            progress.update(task, completed=done)

        if data == SIMULATION:
            # As many payments a user and day as people make.
            options = SimulatorOptions(seed=seed, users=users, rate=2.6 * users / 86_400)
            trial = on_simulation(patterns, options, limit or 100_000, tell)
        else:
            try:
                columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
                trial = on_file(patterns, open_rows(Path(data)), columns, limit, tell)
            except (MappingError, FileError) as error:
                raise OperationError(str(error)) from None
    _show(patterns, trial)


def _load(file: Path) -> PatternSet:
    try:
        return load_patterns(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"{file} cannot be read: {error}") from None
    except PatternError as error:
        raise OperationError("\n".join(f"{file}: {fault}" for fault in error.faults)) from None


def _show(patterns: PatternSet, trial: PatternBacktest) -> None:
    if not trial.transactions:
        raise OperationError("there are no transactions in the data that can be decided")
    numbers = [
        Column(name, justify="right") for name in ("matches", "a day", "false, of 100,000", "precision", "recall")
    ]
    table = Table("pattern", *numbers)
    for pattern in patterns.all:
        matches = len(trial.found[pattern.id])
        told = [f"{matches:,}", f"{matches / trial.days:.2f}"]
        if trial.labelled:
            told.append(f"{trial.false_a_day(pattern.id):.2f}")
            told += [_share(share) for share in (trial.precision(pattern.id), trial.recall(pattern.id))]
        table.add_row(pattern.id, *told)
    console.print(table)
    fraud = f", {len(trial.truth):,} of them fraud" if trial.labelled else "; the truth is not known"
    say(f"{trial.transactions:,} transactions in {trial.days:.1f} days{fraud}")
    for pattern_id, searches in sorted(patterns.search_truncated.items()):
        say(f"{pattern_id}: {searches:,} searches given up, matches may be missing; narrow its conditions")
    for pattern in patterns.all:
        for found in trial.found[pattern.id][:_SHOWN]:
            say(f"  {pattern.id} {_moment(found)}: {' > '.join(found.transaction_ids)}{_truth(trial, found)}")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _moment(found: FoundMatch) -> str:
    return datetime.fromtimestamp(found.event_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _truth(trial: PatternBacktest, found: FoundMatch) -> str:
    if not trial.labelled:
        return ""
    truth = trial.truth.get(found.transaction_id)
    return " (no fraud)" if truth is None else f" ({truth.kind})"
