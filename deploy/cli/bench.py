"""``sentinel bench ...``: arguments of the benchmarks; the experiments are in ``deploy.bench.experiments``."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.bench.micro import features as feature_costs
from apps.bench.micro import patterns as pattern_costs
from deploy.bench.experiments import drain as drain_experiment
from deploy.bench.experiments import live as live_experiment
from deploy.bench.experiments import peers as peers_experiment
from deploy.bench.experiments import scale as scale_experiment
from deploy.bench.experiments import soak as soak_experiment
from deploy.bench.experiments.scale import Dimension
from deploy.bench.output import Out, show
from deploy.console import console, say, say_json
from deploy.errors import OperationError
from flink_jobs.settings import load_settings

app = typer.Typer(
    help="Measure the whole job on the local stack, with separate topics that are deleted at the end.",
    no_args_is_help=True,
)

Users = Annotated[int, typer.Option(min=100, help="Users of the simulation.")]
Json = Annotated[bool, typer.Option("--json", help="As one line of JSON.")]
History = Annotated[int, typer.Option(min=0, help="Transactions before the load, which fill the profiles.")]


@app.command()
def drain(
    transactions: Annotated[int, typer.Option(min=1_000, help="Size of the backlog.")] = 500_000,
    warm: Annotated[int, typer.Option(min=0, help="Size of a backlog that is decided before; 0: none.")] = 0,
    users: Users = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Merchants of the simulation.")] = 2_000,
    listed: Annotated[int, typer.Option(min=0, help="List entries that the job reads before, with --warm.")] = 0,
    out: Out = None,
) -> None:
    """Measure how fast a backlog is decided, and the CPU of a transaction in each component and stage.

    The rate is from the first decision to the last, by the broker's timestamps. Without --warm the JVMs are as they
    are found: cold after `sentinel up`. With --warm N the job decides N transactions first, whose rate is shown as
    "first"; then the measured backlog becomes visible to it all at once. With --listed N it reads N entries of lists in
    between, of entities that never pay; state and checkpoints before and after are shown.

    Example: sentinel bench drain --transactions 300000 --warm 200000
    """
    if listed and not warm:
        raise OperationError("--listed measures a running job: give --warm as well")
    options = drain_experiment.DrainOptions(
        transactions=transactions, warm=warm, users=users, merchants=merchants, listed=listed
    )
    show(drain_experiment.run(load_settings(), options, say), out)


@app.command()
def live(
    rate: Annotated[list[float], typer.Option(min=1, help="Transactions a second; may be given several times.")] = [  # noqa: B006
        1_000.0
    ],
    seconds: Annotated[float, typer.Option(min=5, help="How long each rate is measured.")] = 60.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before the first rate, at that rate.")] = 60.0,
    lead_in: Annotated[float, typer.Option(min=0, help="Seconds before each later rate, at that rate.")] = 10.0,
    burst: Annotated[float, typer.Option(min=0, help="At the end five seconds at this rate; 0: none.")] = 0.0,
    history: History = 100_000,
    users: Users = 10_000,
    out: Out = None,
) -> None:
    """Measure latency at steady rates, open loop, from append to append by the broker's clock.

    A rate that is not decided within two minutes after its end is the last.

    Example: sentinel bench live --rate 1000 --rate 2000 --seconds 25
    """
    options = live_experiment.LiveOptions(
        rate=rate, seconds=seconds, warm_up=warm_up, lead_in=lead_in, burst=burst, history=history, users=users
    )
    show(live_experiment.run(load_settings(), options, say), out)


@app.command()
def peers(
    transactions: Annotated[int, typer.Option(min=5_000, help="Size of the backlog.")] = 200_000,
    seconds: Annotated[float, typer.Option(min=5, help="How long each system may work at it.")] = 60.0,
    users: Users = 10_000,
    only: Annotated[list[str] | None, typer.Option(help="Names of systems; `sentinel` is Stream Sentinel.")] = None,
    backlog: Annotated[bool, typer.Option(help="Measure how fast a backlog is decided.")] = True,
    live: Annotated[list[float] | None, typer.Option(help="Measure latency at these rates as well.")] = None,
    live_seconds: Annotated[float, typer.Option(min=2, help="Length of each rate, after as long a warm-up.")] = 10.0,
    out: Out = None,
) -> None:
    """Compare Stream Sentinel with what a team would use instead, on the same records in the same run.

    Example: sentinel bench peers --only sentinel --only redis-batched
    """
    options = peers_experiment.ComparisonOptions(
        transactions=transactions,
        seconds=seconds,
        users=users,
        only=only,
        backlog=backlog,
        live=live,
        live_seconds=live_seconds,
    )
    show(peers_experiment.run(load_settings(), options, say), out)


@app.command()
def scale(
    part: Annotated[list[Dimension], typer.Option(help="What grows; may be given several times.")] = list(Dimension),  # noqa: B006
    transactions: Annotated[int, typer.Option(min=1_000, help="Transactions that are measured each time.")] = 100_000,
    parallelism: Annotated[list[int], typer.Option(min=1, help="May be given several times.")] = [1, 2],  # noqa: B006
    users: Annotated[list[int], typer.Option(min=100, help="May be given several times.")] = [  # noqa: B006
        10_000,
        100_000,
        1_000_000,
    ],
    rules: Annotated[list[int], typer.Option(min=1, help="May be given several times.")] = [10, 30, 100, 300, 1_000],  # noqa: B006
    out: Out = None,
) -> None:
    """Measure the cost of a transaction as parallelism, users with state, or rules grow.

    Parallelism: a drain at each value, with warm JVMs. Users: every user pays once, then TRANSACTIONS of random users
    are measured; a million users take some minutes. Rules: generated rules, in this process without Flink.

    Example: sentinel bench scale --part users --users 10000 --users 100000
    """
    options = scale_experiment.ScaleOptions(
        part=part, transactions=transactions, parallelism=parallelism, users=users, rules=rules
    )
    show(scale_experiment.run(load_settings(), options, say), out)


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=0.5, help="Length of the load.")] = 30.0,
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 1_000.0,
    history: History = 100_000,
    users: Users = 10_000,
    out: Out = None,
) -> None:
    """Offer a steady load for long, and measure the trend of memory, state, checkpoints and latency.

    A trend is the growth in ten minutes of a line fitted to the last 20 minutes, percent of their mean.

    Example: sentinel bench soak --minutes 30 --rate 1000
    """
    options = soak_experiment.SoakOptions(minutes=minutes, rate=rate, history=history, users=users)
    show(soak_experiment.run(load_settings(), options, say), out)


@app.command()
def features(json: Json = False) -> None:
    """Measure the cost of features and of encoding profiles, in this process without Flink.

    Example: sentinel bench features
    """
    measured = feature_costs.run()
    if json:
        say_json(feature_costs.as_json(measured))
    else:
        console.print(feature_costs.table(measured))


@app.command()
def patterns(json: Json = False) -> None:
    """Measure the cost of 8 to 64 patterns for an ordinary payment, in this process without Flink.

    Example: sentinel bench patterns
    """
    measured = pattern_costs.run()
    if json:
        say_json(pattern_costs.as_json(measured))
    else:
        console.print(pattern_costs.table(measured))
