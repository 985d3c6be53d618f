"""``sentinel demo``, which ``deploy/demo`` runs after the set-up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.cli import alert_line
from deploy.clients import consumer_lag, topics
from deploy.clients.flink_rest import FlinkRest, Job
from deploy.clients.simulated_feed import natural_speedup, options_until_now
from deploy.console import console, say
from deploy.errors import OperationError
from deploy.job import submission
from deploy.showcase.observer import Observer, latency_ms
from deploy.showcase.session import Demonstration
from deploy.signals import interrupted_by_ending_signals
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, load_settings

COMMITTED_WITHIN_S = 60.0
PLAIN_EVERY_S = 5.0


def demo(
    seconds: Annotated[float, typer.Option(min=5, help="How long live traffic is sent.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Live transactions a second.")] = 500.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions of the days before, worked off first.")] = 100_000,
    users: Annotated[int, typer.Option(min=100, help="Users.")] = 10_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
) -> None:
    """Start everything, decide some days of history and a minute of live traffic, show it, and stop everything."""
    settings = load_settings()
    stack = Stack(settings)
    if any(component.is_running() for component in stack.components()):
        raise OperationError("the local stack runs already: stop it first with `sentinel down`")
    with interrupted_by_ending_signals(), _stopped_at_the_end(stack, unless_it_went_well=keep):
        stack.up(say)
        topics.ensure(settings)
        if skipped := consumer_lag.skip_backlog(settings):
            say(f"{skipped:,} records of an earlier time are skipped")
        speedup = natural_speedup(rate, users)
        options = options_until_now(rate / speedup, history, seconds * speedup, users=users)
        _run(settings, Demonstration(settings, options, history, seconds, speedup))
    if keep:
        say(
            f"everything runs on; web UI: {settings.flink.rest_url}, alerts: `sentinel watch`, "
            "end: `sentinel stop`, then `sentinel down`"
        )


@contextmanager
def _stopped_at_the_end(stack: Stack, *, unless_it_went_well: bool) -> Iterator[None]:
    went_well = False
    try:
        yield
        went_well = True
    finally:
        if not (unless_it_went_well and went_well):
            try:
                say("stopping everything")
            finally:  # a terminal that is closed takes no words
                stack.down()


def _run(settings: Settings, show: Demonstration) -> None:
    show.send_history()
    say(f"{show.sent.transactions:,} transactions of history are in Kafka; submitting the job")
    job = submission.submit(settings, say=say)
    say(f"the job runs; web UI: {settings.flink.rest_url}")
    with Live(console=console, auto_refresh=False, transient=True) as live:
        tell = _teller(live, settings, show)
        took = show.work_off(tell)
        decided = show.observer.decided
        say(f"history of {decided:,} transactions decided in {took:.1f} s ({decided / max(took, 0.1):,.0f}/s)")
        show.live(tell)
    _await_commit(settings, job, show.observer)
    console.print(_summary(show))
    show.observer.close()


def _teller(live: Live, settings: Settings, show: Demonstration) -> Callable[[], None]:
    """Draws the view; on something that is no terminal, a plain line now and then."""
    last = time.monotonic()

    def tell() -> None:
        nonlocal last
        if console.is_terminal:
            live.update(_view(settings, show), refresh=True)
        elif time.monotonic() - last > PLAIN_EVERY_S:
            last = time.monotonic()
            say(_figures(show.observer))

    return tell


def _view(settings: Settings, show: Demonstration) -> RenderableType:
    table = Table(show_header=False, box=None)
    table.add_row("transactions sent", f"{show.truth.transactions:,}")
    table.add_row("decisions", _figures(show.observer))
    table.add_row("alerts", f"{len(show.observer.alerts):,} committed")
    table.add_row("web UI", settings.flink.rest_url)
    return Group(table, Text(""), *(alert_line.line(value) for value in show.observer.latest))


def _figures(observer: Observer) -> str:
    p50, p99 = observer.recent_latency_ms(50), observer.recent_latency_ms(99)
    latency = "" if p50 is None or p99 is None else f", latency p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    return f"{observer.decided:,} decided, {observer.per_s:,.0f}/s now{latency}"


def _await_commit(settings: Settings, job: Job, observer: Observer) -> None:
    """Wait for a checkpoint that began after the last decision: with it the last alerts are committed."""
    rest = FlinkRest(settings.flink.rest_url)
    deadline = time.monotonic() + COMMITTED_WITHIN_S
    wanted = rest.checkpoints(job.id).completed + 2
    while rest.checkpoints(job.id).completed < wanted and time.monotonic() < deadline:
        observer.look()
    for _ in range(10):
        observer.look()


def _summary(show: Demonstration) -> Table:
    truth, observer = show.truth, show.observer
    table = Table(title="what the minute came to", show_header=False)
    live = len(truth.sent_at)
    found = {name for name in observer.alerts if name in truth.fraud}
    alerted = sum(name in truth.sent_at for name in observer.alerts)
    table.add_row("transactions", f"{truth.transactions:,} sent, {observer.decided:,} decided, {live:,} of them live")
    latencies = ", ".join(f"p{each:g} {latency_ms(observer.waited, each) or 0:.0f} ms" for each in (50, 95, 99))
    table.add_row("latency, sent to decided", latencies)
    table.add_row("alerts on live traffic", f"{alerted:,}, of which {len(found):,} were fraud")
    table.add_row("live fraud", f"{len(truth.fraud):,} transactions, {len(found):,} of them alerted")
    kinds, caught = Counter(truth.fraud.values()), Counter(truth.fraud[name] for name in found)
    for kind, count in sorted(kinds.items()):
        table.add_row(f"  {kind.replace('_', ' ')}", f"{count:,}, {caught[kind]:,} alerted")
    table.add_row("dead letters", f"{show.dead_letters():,}")
    return table
