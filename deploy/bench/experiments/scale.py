"""Scale experiment: the cost of a transaction as parallelism, users with state, or rules grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from apps.bench.curve_fit import fit_line
from apps.bench.micro.rules import cost_of_rules
from apps.bench.result import Cell, Plot, Result, Table
from deploy.bench.backlog import DrainResult
from deploy.bench.experiments.drain import DrainOptions, run_drains
from deploy.bench.experiments.scale_users import ScalingResult, scale_users
from deploy.bench.harness import Report
from deploy.bench.output import recording
from flink_jobs.settings import Settings
from flink_jobs.wiring import SHIPPED_MODEL

USERS, MERCHANTS = 10_000, 2_000


class Dimension(StrEnum):
    """Quantity that grows."""

    PARALLELISM = "parallelism"
    USERS = "users"
    RULES = "rules"


@dataclass(frozen=True, kw_only=True)
class ScaleOptions:
    """Dimensions of the experiment, and their values.

    Attributes:
        part: dimensions to measure.
        transactions: transactions measured at each value of parallelism and users.
        parallelism: values of the job's parallelism.
        users: numbers of users with state.
        rules: numbers of rules.
    """

    part: Sequence[Dimension]
    transactions: int
    parallelism: Sequence[int]
    users: Sequence[int]
    rules: Sequence[int]


def run(settings: Settings, options: ScaleOptions, report: Report) -> Result:
    """Run the experiment on the local stack; rules are measured in this process, without Flink.

    Raises:
        OperationError: the stack does not run, or decisions are not made in time.
    """
    recorded = recording("scale", settings, asdict(options))
    results: list[ScalingResult] = []
    if {Dimension.PARALLELISM, Dimension.USERS} & set(options.part):
        report("warming up")
        _drain(settings, options.transactions, report)
    if Dimension.PARALLELISM in options.part:
        results.append(_scale_parallelism(settings, options.transactions, options.parallelism, report))
    if Dimension.USERS in options.part:
        results.append(scale_users(settings, options.transactions, options.users, report))
    if Dimension.RULES in options.part:
        report("rules")
        results.append(_scale_rules(settings, options.rules))
    figures: dict[str, Cell] = {}
    for each in results:
        figures |= each.figures
    return recorded.result(
        figures, [each.table for each in results], [each.plot for each in results], [each.note for each in results]
    )


def _drain(settings: Settings, transactions: int, report: Report) -> DrainResult:
    options = DrainOptions(transactions=transactions, warm=0, users=USERS, merchants=MERCHANTS)
    return run_drains(settings, options, report).measured


def _scale_parallelism(settings: Settings, transactions: int, values: Sequence[int], report: Report) -> ScalingResult:
    """Drain a backlog at each parallelism, with JVMs that are already warm."""
    rows: list[list[Cell]] = []
    rates: dict[int, float] = {}
    for value in values:
        report(f"parallelism {value}")
        job = settings.job.model_copy(update={"parallelism": value})
        measured = _drain(settings.model_copy(update={"job": job}), transactions, report)
        rates[value] = measured.per_s
        rows.append([value, measured.per_s, measured.busy_cores, measured.cpu_us_per_transaction])
    title = "Parallelism"
    figures: dict[str, Cell] = {f"decided_at_parallelism_{value}_per_s": rate for value, rate in rates.items()}
    figures["gain_of_parallelism"] = rates[max(rates)] / rates[min(rates)]
    columns = ["parallelism", "decided, /s", "busy cores", "CPU of all components, us per transaction"]
    return ScalingResult(
        figures,
        Table(title, columns, rows),
        Plot(title, "parallelism", "decisions a second", {"decided": list(rates.items())}),
        "Parallelism: the broker runs on the same cores, so a second subtask can gain only the capacity that is left.",
    )


def _scale_rules(settings: Settings, values: Sequence[int]) -> ScalingResult:
    """Measure all stages in this process with generated rules, and fit a line."""
    costs = cost_of_rules(values, settings.model.folder or SHIPPED_MODEL)
    points = [(float(count), cost) for count, cost in costs]
    line = fit_line(points)
    title = "Rules in force"
    return ScalingResult(
        {
            "rules_fit_us": f"{line.intercept:.1f} + {line.slope:.4f} x rules",
            "rules_fit_r_squared": line.r_squared,
        },
        Table(
            title,
            ["rules", "us per transaction", "fitted line"],
            [[count, cost, line.at(count)] for count, cost in costs],
        ),
        Plot(
            title,
            "rules",
            "CPU, us per transaction",
            {"measured": points, "fitted line": [(count, line.at(count)) for count, _ in points]},
        ),
        "Rules: CPU of one process for a transaction through all stages, without Flink, in batches of 200, with rules "
        "that hardly ever fire. R squared is the share of the variance that the fitted line explains.",
    )
