"""``sentinel bench scale``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from apps.bench.curve_fit import fit_line
from apps.bench.micro.rules import cost_of_rules
from apps.bench.result import Cell, Plot, Table
from apps.bench.uniform_traffic import UniformTraffic
from apps.simulator.sending import Sent
from apps.simulator.writing import SimulatedRecord
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.experiments.drain import drained
from deploy.bench.harness import OTHERS, Bench, CpuTimes, bench
from deploy.bench.output import Out, recording, show
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.simulated_feed import open_feed
from deploy.clients.stage_metrics import settled_stage_costs
from deploy.console import say
from flink_jobs.settings import Settings, load_settings
from flink_jobs.wiring import SHIPPED_MODEL

_BLOCK = 2_000
_TASK_MANAGERS = "taskmanager"


class Part(StrEnum):
    """What may grow."""

    PARALLELISM = "parallelism"
    USERS = "users"
    RULES = "rules"


class Grown(NamedTuple):
    """What a part found."""

    figures: dict[str, Cell]
    table: Table
    plot: Plot
    note: str


def scale(
    part: Annotated[list[Part], typer.Option(help="What grows; may be given several times.")] = list(Part),  # noqa: B006
    transactions: Annotated[int, typer.Option(min=1_000, help="That are measured each time.")] = 100_000,
    parallelism: Annotated[list[int], typer.Option(min=1, help="Several times.")] = [1, 2],  # noqa: B006
    users: Annotated[list[int], typer.Option(min=100, help="Several times.")] = [10_000, 100_000, 1_000_000],  # noqa: B006
    rules: Annotated[list[int], typer.Option(min=1, help="Several times.")] = [10, 30, 100, 300, 1_000],  # noqa: B006
    out: Out = None,
) -> None:
    """Measure what a transaction costs as parallelism, users and rules grow.

    Parallelism: a warm drain each. Users: every user pays once, so that all have profiles, and then TRANSACTIONS are
    decided, each of any user; the cost is CPU, so that how fast they were sent does not matter. To fill the state of a
    million users is a million transactions, some minutes. Rules: generated ones, in this process and without Flink.
    """
    settings = load_settings()
    options = {"part": [each.value for each in part], "transactions": transactions}
    options |= {"parallelism": parallelism, "users": users, "rules": rules}
    kept = recording("scale", settings, options)
    found = []
    if {Part.PARALLELISM, Part.USERS} & set(part):
        say("warming up")
        drained(settings, transactions, 10_000, 2_000)
    if Part.PARALLELISM in part:
        found.append(_parallelism(settings, transactions, parallelism))
    if Part.USERS in part:
        found.append(_users(settings, transactions, users))
    if Part.RULES in part:
        found.append(_rules(settings, rules))
    figures: dict[str, Cell] = {}
    for each in found:
        figures |= each.figures
    show(
        kept.result(
            figures,
            [each.table for each in found],
            [each.plot for each in found],
            [each.note for each in found],
        ),
        out,
    )


def _parallelism(settings: Settings, transactions: int, values: Sequence[int]) -> Grown:
    rows: list[list[Cell]] = []
    rates: dict[int, float] = {}
    for value in values:
        say(f"parallelism {value}")
        one = settings.model_copy(update={"job": settings.job.model_copy(update={"parallelism": value})})
        measured, _, _ = drained(one, transactions, 10_000, 2_000)
        rates[value] = measured.per_s
        rows.append([value, measured.per_s, measured.cores, measured.cpu_us_each])
    title = "Parallelism"
    figures: dict[str, Cell] = {f"decided_at_parallelism_{value}_per_s": rate for value, rate in rates.items()}
    figures["gain_of_parallelism"] = rates[max(rates)] / rates[min(rates)]
    return Grown(
        figures,
        Table(title, ["parallelism", "decided, /s", "busy cores", "CPU of all parts, us a transaction"], rows),
        Plot(title, "parallelism", "decisions a second", {"decided": list(rates.items())}),
        "Parallelism: the broker runs on the same cores, so that a second subtask can gain only what is left of them.",
    )


def _users(settings: Settings, transactions: int, values: Sequence[int]) -> Grown:
    rows: list[list[Cell]] = []
    stages: list[tuple[float, float]] = []
    task_managers: list[tuple[float, float]] = []
    for value in values:
        say(f"{value:,} users")
        cost = _cost_with_users(settings, value, transactions)
        rows.append([value, *cost])
        stages.append((value, cost.stages_us))
        task_managers.append((value, cost.task_managers_us))
    title = "Users with state"
    columns = ["users", "filled, /s", "stages in Python, us", "TaskManagers, us", "all parts, us", "state, MiB"]
    return Grown(
        {
            "task_managers_grow_with_users_percent": _growth(task_managers),
            "stages_grow_with_users_percent": _growth(stages),
            "most_users": max(values),
        },
        Table(title, columns, rows),
        Plot(
            title,
            "users",
            "CPU, us a transaction",
            {"stages in Python": stages, "TaskManagers": task_managers},
            log_x=True,
        ),
        f"Users: CPU of a transaction; each of {transactions:,} is of any user, all alike, which is the worst case for "
        f"the {settings.job.cached_profiles:,} decoded profiles that each stage instance keeps: beyond them profiles "
        "are read from RocksDB and unpacked. Merchants are a fifth of the users. With few users, those measured pay "
        "more often, and their histories are longer. State is what the last checkpoint refers to.",
    )


class _UsersCost(NamedTuple):
    """Rate of filling, a second; CPU, microseconds a transaction; state, MiB, None without a checkpoint."""

    filled_per_s: float
    stages_us: float
    task_managers_us: float
    all_us: float
    state_mib: float | None


def _cost_with_users(settings: Settings, users: int, transactions: int) -> _UsersCost:
    rest = FlinkRest(settings.flink.rest_url)
    with bench(settings, start_from="earliest") as run:
        traffic = UniformTraffic(users, users + transactions, time.time_ns() // 1_000_000)
        _send(run, traffic.everybody())
        job = run.submit(say)
        begun = time.monotonic()
        run.await_decisions(users, DRAINED_WITHIN_S)
        filled_per_s = users / (time.monotonic() - begun)
        before, cpu_before = settled_stage_costs(rest, job.id), CpuTimes.now(settings)
        _send(run, traffic.anybody(transactions))
        run.await_decisions(users + transactions, DRAINED_WITHIN_S)
        cpu = CpuTimes.now(settings).since(cpu_before)
        after = settled_stage_costs(rest, job.id)
        state = rest.checkpoints(job.id).last_state_bytes
    in_stages = sum(after[name].since(before[name]).cpu_us for name in after)
    in_task_managers = sum(used for name, used in cpu.items() if name.startswith(_TASK_MANAGERS))
    return _UsersCost(
        filled_per_s,
        in_stages / transactions,
        in_task_managers / transactions * 1e6,
        sum(used for name, used in cpu.items() if name != OTHERS) / transactions * 1e6,
        state / 2**20 if state is not None else None,
    )


def _send(run: Bench, records: Iterable[SimulatedRecord]) -> None:
    feed, sent = open_feed(run.settings), Sent()
    block: list[SimulatedRecord] = []
    for record in records:
        block.append(record)
        if len(block) == _BLOCK:
            feed.send(block, sent)
            block.clear()
    feed.send(block, sent)
    feed.close()


def _rules(settings: Settings, values: Sequence[int]) -> Grown:
    say("rules")
    found = cost_of_rules(values, settings.model.folder or SHIPPED_MODEL)
    points = [(float(count), cost) for count, cost in found]
    law = fit_line(points)
    title = "Rules in force"
    fitted = [(count, law.at(count)) for count, _ in points]
    return Grown(
        {
            "rules_law_us": f"{law.at_zero:.1f} + {law.slope:.4f} x rules",
            "rules_law_fit": law.fit,
        },
        Table(
            title,
            ["rules", "us a transaction", "the law says"],
            [[count, cost, law.at(count)] for count, cost in found],
        ),
        Plot(title, "rules", "CPU, us a transaction", {"measured": points, "law": fitted}),
        "Rules: CPU of one process for a transaction through all stages, without Flink, in batches of 200, with rules "
        "that hardly ever hold. The fit is the share of the variance that the law explains, 1 for all.",
    )


def _growth(points: Sequence[tuple[float, float]]) -> float:
    """From the fewest to the most, percent."""
    ordered = sorted(points)
    return 100 * (ordered[-1][1] / ordered[0][1] - 1)
