"""Command ``sentinel backtest``: decide recorded or simulated payments by a policy, and compare it with another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.backtest.agreement import Agreement, DecisionComparison
from apps.backtest.backtest import SUBTASKS, BacktestResult, NothingDecidedError, run_backtest
from apps.backtest.outcome import Outcome
from apps.backtest.policy import SHIPPED, PolicyDocuments, PolicyError, read_patterns, read_rules, read_thresholds
from apps.backtest.processes import WorkerEndedError
from apps.backtest.report import render_report
from apps.backtest.source import InputRecord, Truth, cut, file_records, simulated_records
from apps.backtest.subtask import SubtaskOptions
from apps.backtest.topics import TopicReader, TopicsError, recorded_causes, recorded_decisions, topic_records
from apps.replay.bad_rows import BadRows, FileError, refuse
from apps.replay.looking import look
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.mapping_file import built_in_mappings, load_mapping
from apps.replay.replaying import ReplayOptions
from apps.replay.rows import open_rows
from apps.simulator.simulator import PAYMENTS_A_DAY, SimulatorOptions
from deploy.cli.backtest_tables import show
from deploy.clients.kafka_clients import client_properties
from deploy.console import errors, say, say_json
from deploy.errors import OperationError
from deploy.job.in_force import SHIPPED_MODEL
from deploy.signals import interrupt_on_termination
from flink_jobs.settings import Settings, load_settings
from models.artefact import ArtefactError
from state.kernel.times import DAY_MS
from udfs.decision import Thresholds
from udfs.names import Kind
from udfs.records.times import TimeUnreadableError, epoch_ms

SIMULATION = "simulation"
_SIMULATED = 100_000


def backtest(
    rules: Annotated[str, typer.Option(help=f"YAML file of the rules to try, or `{SHIPPED}`.")] = SHIPPED,
    against: Annotated[
        str | None, typer.Option(help=f"YAML file of rules to compare with, or `{SHIPPED}`; the same by default.")
    ] = None,
    patterns: Annotated[str, typer.Option(help=f"YAML file of the patterns to try, or `{SHIPPED}`.")] = SHIPPED,
    against_patterns: Annotated[
        str | None, typer.Option(help="YAML file of patterns to compare with; the same by default.")
    ] = None,
    thresholds: Annotated[
        str, typer.Option(help="Thresholds to try, such as block=0.95,alert=0.8; others are those of the settings.")
    ] = "",
    against_thresholds: Annotated[
        str | None, typer.Option(help="Thresholds to compare with; the same by default.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model; by default that of the settings, or the shipped one.")
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Let rules and patterns decide alone.")] = False,
    data: Annotated[
        str | None, typer.Option(help=f"Parquet, CSV or JSON Lines file in order of time; or `{SIMULATION}`.")
    ] = None,
    from_topics: Annotated[
        bool,
        typer.Option("--from-topics", help="Read the topics of Kafka, and compare with the recorded decisions."),
    ] = False,
    mapping: Annotated[
        str | None, typer.Option(help=f"Mapping file, or built-in mapping: {', '.join(built_in_mappings())}.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, FIELD=text-{COLUMN} or FIELD==CONSTANT; repeatable."),
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that is true for fraud; overrides the mapping's.")
    ] = None,
    label_delay: Annotated[
        float, typer.Option("--labels-after", min=0, help="Days after a payment at which its label is known.")
    ] = 7.0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read, and list them by reason.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Count payments from this event time on; earlier ones only fill profiles.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Leave out payments from this event time on.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Maximum number of rows; {_SIMULATED:,} by default in a simulation.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 1,
    users: Annotated[int, typer.Option(min=100, help="Number of users in the simulation.")] = 10_000,
    processes: Annotated[
        int, typer.Option(min=0, max=SUBTASKS, help="Processes that decide; 0 for one for each core.")
    ] = 0,
    k: Annotated[
        int, typer.Option("--k", min=1, help="Payments that are looked at in a day, for precision at k.")
    ] = 100,
    false_alarm_cost: Annotated[
        float, typer.Option(min=0, help="Cost of a legitimate payment that is held, for the curve of cost.")
    ] = 10.0,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with plots to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")] = False,
) -> None:
    """Decide recorded payments by a policy, as the job would, and compare it with another and with the truth.

    A time is a date or RFC 3339, in UTC. `--against` names what differs: rules, patterns and thresholds that are not
    named are the same in both policies.

    Exit codes: 0 done; 1 rules, data or Kafka must be corrected first; 2 wrong arguments; 130 interrupted.
    """
    settings = load_settings()
    if from_topics == (data is not None):
        raise OperationError("name the payments: --data FILE, --data simulation, or --from-topics")
    try:
        policies = _policies(settings, (rules, patterns, thresholds), (against, against_patterns, against_thresholds))
        options = SubtaskOptions(
            policies=policies,
            model=None if no_model else (model or settings.model.folder or SHIPPED_MODEL),
            subtasks=SUBTASKS,
            shards=settings.job.shards,
            limits=settings.limits,
            out_of_orderness_ms=round(settings.event_time.out_of_orderness_s * 1000),
            lateness_ms=round(settings.event_time.allowed_lateness_s * 1000),
            since_ms=_time("--since", since) or 0,
            until_ms=_time("--until", until),
        )
        run = _Run(options, processes or min(os.cpu_count() or 1, SUBTASKS), k, false_alarm_cost)
        agreement = None
        with interrupt_on_termination():
            if from_topics:
                result, agreement = _from_topics(settings, run)
            elif data == SIMULATION:
                simulated = SimulatorOptions(seed=seed, users=users, rate=PAYMENTS_A_DAY * users / 86_400)
                result = run.of(simulated_records(simulated, limit or _SIMULATED), limit or _SIMULATED)
            else:
                columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
                columns = replace(columns, label=label_column or columns.label)
                result = _from_file(Path(data or ""), columns, label_delay, limit, run, skip_bad=skip_bad)
    except (
        MappingError,
        FileError,
        PolicyError,
        ArtefactError,
        NothingDecidedError,
        WorkerEndedError,
        TopicsError,
    ) as error:
        raise OperationError(str(error)) from None
    if report is not None:
        try:
            report.write_text(render_report(result, agreement))
        except OSError as error:
            raise OperationError(f"{report} cannot be written: {error.strerror}") from None
    if as_json:
        say_json({**_as_json(result), "agreement": _as_json(agreement)})
    else:
        show(result, agreement)
        if report is not None:
            say(f"report: {report}")


def _policies(
    settings: Settings, tried: tuple[str, str, str], other: tuple[str | None, str | None, str | None]
) -> list[PolicyDocuments]:
    """The policy to try, and the one to compare with if anything of it is named."""
    force = settings.decision
    base = Thresholds(block=force.block, challenge=force.challenge, monitor=force.monitor, alert=force.alert)
    rules, patterns, thresholds = tried
    policy = PolicyDocuments(
        name=_name(tried),
        rules=read_rules(rules),
        patterns=read_patterns(patterns),
        thresholds=read_thresholds(thresholds, base),
        fixed=_fixed(tried),
    )
    if all(each is None for each in other):
        return [policy]
    chosen = tuple(mine if theirs is None else theirs for mine, theirs in zip(tried, other, strict=True))
    compared = PolicyDocuments(
        name=_name((chosen[0], chosen[1], chosen[2]), tried),
        rules=read_rules(chosen[0]),
        patterns=read_patterns(chosen[1]),
        thresholds=read_thresholds(chosen[2], base),
        fixed=_fixed((chosen[0], chosen[1], chosen[2])),
    )
    return [policy, compared]


def _name(names: tuple[str, str, str], other: tuple[str, str, str] = (SHIPPED, SHIPPED, "")) -> str:
    """What a policy is called: by its files and thresholds that differ from those of another."""
    named = [
        Path(name).stem if name else "settings" for name, theirs in zip(names, other, strict=True) if name != theirs
    ]
    return ", ".join(named) or SHIPPED


def _fixed(names: tuple[str, str, str]) -> frozenset[str]:
    """Kinds of control that are files, or thresholds, of the command line."""
    kinds = ("rules", "patterns", "thresholds")
    return frozenset(kind for kind, name in zip(kinds, names, strict=True) if name not in (SHIPPED, ""))


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return epoch_ms(option, f"{text}T00:00:00Z" if len(text) == 10 else text)
    except TimeUnreadableError as error:
        raise OperationError(f"{error}; write 2018-07-25, or 2018-07-25T12:00:00Z") from None


@dataclass(frozen=True)
class _Run:
    """How a backtest runs."""

    options: SubtaskOptions
    processes: int
    k: int
    false_alarm_cost: float

    def of(
        self,
        records: Iterator[InputRecord],
        total: int | None,
        until_ms: int | None = None,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> BacktestResult:
        """Backtest records in order of arrival; ``until_ms`` ends them by their own time."""
        truth = Truth()
        batches = cut(records, self.options.shards, self.options.subtasks, truth, until_ms)
        with _progress(total) as report:
            return run_backtest(
                batches,
                truth,
                self.options,
                processes=self.processes,
                k=self.k,
                false_alarm_cost=self.false_alarm_cost,
                report=report,
                on_outcome=on_outcome,
            )


def _from_file(
    file: Path, columns: ColumnMapping, label_delay: float, limit: int | None, run: _Run, *, skip_bad: bool
) -> BacktestResult:
    rows = open_rows(file, columns.text_format)
    labeled = columns.label in rows.columns
    replayed = ReplayOptions(limit=limit, label_delay_ms=round(label_delay * DAY_MS) if labeled else None)
    bad = BadRows()
    records = file_records(rows, columns, replayed, look(rows, columns), bad.add if skip_bad else refuse)
    result = run.of(records, min(filter(None, (rows.count, limit)), default=None), run.options.until_ms)
    if bad:
        errors.print("\n".join([f"{len(bad):,} rows left out, by reason:", *bad.lines()]), soft_wrap=True)
    return result


def _from_topics(settings: Settings, run: _Run) -> tuple[BacktestResult, Agreement]:
    """Read the input topics and control, and compare with the decisions that the job recorded."""
    names, kafka = settings.kafka.topics, client_properties(settings)
    kinds = {
        names.control: Kind.CONTROL,
        names.account_events: Kind.ACCOUNT_EVENT,
        names.labels: Kind.LABEL,
        names.transactions: Kind.TRANSACTION,
    }
    control = topic_records(TopicReader(kafka, [names.control]), kinds)
    recorded = recorded_causes([record.envelope for record in control])
    policies = [replace(policy, recorded=recorded) for policy in run.options.policies]
    changes = bool(recorded)
    run = replace(
        run,
        options=replace(
            run.options, policies=policies, alone=True, keep_decisions=True, ablate=run.options.ablate and not changes
        ),
    )
    comparison = DecisionComparison(recorded_decisions(kafka, names.decisions))
    reader = TopicReader(kafka, list(kinds))
    result = run.of(
        topic_records(reader, kinds), reader.total, on_outcome=lambda outcome: comparison.add(outcome.decisions)
    )
    return result, comparison.agreement


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("deciding", total=total, rate="")

        def report(done: int) -> None:
            speed = progress.tasks[task].speed
            progress.update(task, completed=done, rate="" if speed is None else f"{speed:,.0f}/s")

        yield report


def _as_json(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Turn structs into JSON values; what was encoded before stays as it is."""
    return msgspec.json.decode(msgspec.json.encode(value))
