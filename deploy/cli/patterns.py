"""``sentinel patterns check`` and ``sentinel patterns try``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from apps.backtest.patterns import FoundMatch, PatternBacktest, backtest_file, backtest_simulation
from apps.replay.bad_rows import BadRows, FileError, refuse
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.mapping_file import built_in_mappings, load_mapping
from apps.replay.rows import open_rows
from apps.simulator.simulator import PAYMENTS_A_DAY, SimulatorOptions
from deploy.cli.control_changes import add_changes, add_switches
from deploy.cli.control_views import add_views
from deploy.console import console, say, say_json
from deploy.errors import OperationError
from udfs.patterns import Pattern, PatternError, PatternSet, load_patterns

SIMULATION = "simulation"
_SAMPLES = 3

app = typer.Typer(
    help="Check patterns, try them on data, and change those in force while the job runs.", no_args_is_help=True
)
add_views(app, "patterns", "card_testing")
add_changes(app, "patterns", "card_testing", "score=0.8")
add_switches(app, "patterns", "card_testing", "enabled", on=True, off=False)
Json = Annotated[bool, typer.Option("--json", help="As one line of JSON.")]
File = Annotated[Path, typer.Argument(help="YAML file of patterns, like udfs/patterns/defaults.yaml.")]


@app.command()
def check(file: File, json: Json = False) -> None:
    """Check a file of patterns, and list every problem with line and column."""
    patterns = _load(file)
    if json:
        say_json({"version": patterns.version, "patterns": [_as_json(pattern) for pattern in patterns.all]})
        return
    say(f"{file}: version {patterns.version}, {len(patterns.all)} patterns, no problems")
    for pattern in patterns.all:
        disabled = "" if pattern.enabled else ", disabled"
        steps = ", ".join(step.name for step in pattern.steps)
        over = f"over a {pattern.entity} within {pattern.within}"
        say(f"  {pattern.id} version {pattern.version}, {over}: {steps}{disabled}")


@app.command(name="try")
def try_(
    file: File,
    data: Annotated[
        str, typer.Option("--on", help=f"Parquet, CSV or JSON lines file in order of event time; or `{SIMULATION}`.")
    ] = SIMULATION,
    mapping: Annotated[
        str | None, typer.Option(help=f"Mapping file, or built-in mapping: {', '.join(built_in_mappings())}.")
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="FIELD=SOURCE, overrides the mapping; repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of transactions; 100,000 by default in a simulation.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 1,
    users: Annotated[int, typer.Option(min=100, help="Number of users in the simulation.")] = 10_000,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read, and list them by reason.")
    ] = False,
    json: Json = False,
) -> None:
    """Backtest a file of patterns: matches per day, precision, recall and sample matches."""
    patterns, bad = _load(file), BadRows()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True) as progress:
        task = progress.add_task("matching patterns", total=limit)

        def report(done: int) -> None:
            progress.update(task, completed=done)

        if data == SIMULATION:
            options = SimulatorOptions(seed=seed, users=users, rate=PAYMENTS_A_DAY * users / 86_400)
            backtest = backtest_simulation(patterns, options, limit or 100_000, report)
        else:
            try:
                columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
                rows = open_rows(Path(data), columns.text_format)
                backtest = backtest_file(patterns, rows, columns, limit, report, on_bad=bad.add if skip_bad else refuse)
            except (MappingError, FileError) as error:
                raise OperationError(str(error)) from None
            if bad and not json:
                say("\n".join([f"{len(bad):,} left out, by reason:", *bad.lines()]))
    if not backtest.transactions:
        raise OperationError("the data contain no valid transactions")
    if json:
        say_json(_backtest_as_json(patterns, backtest, bad))
    else:
        _show(patterns, backtest)


def _load(file: Path) -> PatternSet:
    try:
        return load_patterns(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"{file} cannot be read: {error}") from None
    except PatternError as error:
        raise OperationError("\n".join(f"{file}: {problem}" for problem in error.problems)) from None


def _as_json(pattern: Pattern) -> dict[str, object]:
    return {
        "id": pattern.id,
        "version": pattern.version,
        "entity": pattern.entity,
        "within": str(pattern.within),
        "steps": [step.name for step in pattern.steps],
        "enabled": pattern.enabled,
    }


def _backtest_as_json(patterns: PatternSet, backtest: PatternBacktest, bad: BadRows) -> dict[str, object]:
    """The whole backtest, every match included; shares are null where nothing is labeled."""
    labeled = backtest.labeled
    return {
        "transactions": backtest.transactions,
        "days": backtest.days,
        "fraud": len(backtest.truth) if labeled else None,
        "left_out": bad.by_reason(),
        "patterns": [
            {
                "id": pattern.id,
                "matches": [
                    match._asdict() | {"fraud": match.transaction_id in backtest.truth if labeled else None}
                    for match in backtest.matches[pattern.id]
                ],
                "false_per_100k": backtest.false_matches_per_100k(pattern.id) if labeled else None,
                "precision": backtest.precision(pattern.id) if labeled else None,
                "recall": backtest.recall(pattern.id) if labeled else None,
                "searches_truncated": patterns.search_truncated.get(pattern.id, 0),
            }
            for pattern in patterns.all
        ],
    }


def _show(patterns: PatternSet, backtest: PatternBacktest) -> None:
    numbers = [
        Column(name, justify="right") for name in ("matches", "per day", "false per 100,000", "precision", "recall")
    ]
    table = Table("pattern", *numbers)
    for pattern in patterns.all:
        matches = len(backtest.matches[pattern.id])
        cells = [f"{matches:,}", f"{matches / backtest.days:.2f}"]
        if backtest.labeled:
            cells.append(f"{backtest.false_matches_per_100k(pattern.id):.2f}")
            cells += [_share(share) for share in (backtest.precision(pattern.id), backtest.recall(pattern.id))]
        table.add_row(pattern.id, *cells)
    console.print(table)
    fraud = f", {len(backtest.truth):,} of them fraud" if backtest.labeled else "; not labeled"
    say(f"{backtest.transactions:,} transactions in {backtest.days:.1f} days{fraud}")
    for pattern_id, searches in sorted(patterns.search_truncated.items()):
        say(f"{pattern_id}: {searches:,} searches truncated, matches may be missing; narrow its conditions")
    for pattern in patterns.all:
        for match in backtest.matches[pattern.id][:_SAMPLES]:
            say(f"  {pattern.id} {_time_of(match)}: {' > '.join(match.transaction_ids)}{_truth(backtest, match)}")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _time_of(match: FoundMatch) -> str:
    return datetime.fromtimestamp(match.event_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _truth(backtest: PatternBacktest, match: FoundMatch) -> str:
    if not backtest.labeled:
        return ""
    truth = backtest.truth.get(match.transaction_id)
    return " (no fraud)" if truth is None else f" ({truth.kind})"
