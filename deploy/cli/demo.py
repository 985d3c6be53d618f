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

from deploy.cli.alert_line import format_alert
from deploy.clients import consumer_lag, topics
from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.simulated_feed import natural_speedup, options_until_now
from deploy.console import console, say
from deploy.errors import OperationError
from deploy.job import submission
from deploy.showcase.observer import Observer, percentile_ms
from deploy.showcase.session import DemoSession
from deploy.signals import interrupt_on_termination
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, load_settings

COMMITTED_WITHIN_S = 60.0
PLAIN_LINE_EVERY_S = 5.0
FINAL_POLLS = 10


def demo(
    seconds: Annotated[float, typer.Option(min=5, help="Length of the live traffic.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Live transactions a second.")] = 500.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions of the days before, decided first.")] = 100_000,
    users: Annotated[int, typer.Option(min=100, help="Users.")] = 10_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
) -> None:
    """Start everything, decide some days of history and a minute of live traffic, show it, and stop everything.

    Example: sentinel demo --seconds 20 --history 20000

    Exit codes: 0 done; 1 something did not come up or was not decided in time; 130 interrupted, after the stack was
    stopped.
    """
    settings = load_settings()
    stack = Stack(settings)
    if any(process.is_running() for process in stack.processes()):
        raise OperationError("the local stack runs already: stop it first with `sentinel down`")
    with interrupt_on_termination(), _stopped_at_the_end(stack, keep=keep):
        stack.up(say)
        topics.ensure(settings)
        if skipped := consumer_lag.skip_backlog(settings):
            say(f"{skipped:,} records of an earlier time are skipped")
        speedup = natural_speedup(rate, users)
        options = options_until_now(rate / speedup, history, seconds * speedup, users=users)
        _run(settings, DemoSession(settings, options, history, seconds, speedup))
    if keep:
        say(
            f"everything runs on; web UI: {settings.flink.rest_url}, alerts: `sentinel watch`, "
            "end: `sentinel stop`, then `sentinel down`"
        )


@contextmanager
def _stopped_at_the_end(stack: Stack, *, keep: bool) -> Iterator[None]:
    """Stop the stack at the end; one that is to be kept is stopped after a failure only."""
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        if not (keep and succeeded):
            try:
                say("stopping everything")
            finally:  # printing fails when the terminal was closed
                stack.down()


def _run(settings: Settings, session: DemoSession) -> None:
    session.send_history()
    say(f"{session.counts.transactions:,} transactions of history are in Kafka; submitting the job")
    job = submission.submit(settings, report=say)
    say(f"the job runs; web UI: {settings.flink.rest_url}")
    with Live(console=console, auto_refresh=False, transient=True) as live:
        draw = _drawing(live, settings, session)
        took_s = session.await_decisions(draw)
        decided = session.observer.decided
        say(f"history of {decided:,} transactions decided in {took_s:.1f} s ({decided / max(took_s, 0.1):,.0f}/s)")
        session.run_live(draw)
    _await_commit(settings, job, session.observer)
    console.print(_summary(session))
    session.observer.close()


def _drawing(live: Live, settings: Settings, session: DemoSession) -> Callable[[], None]:
    """Make the function that draws the view; without a terminal it prints a plain line now and then."""
    last = time.monotonic()

    def draw() -> None:
        nonlocal last
        if console.is_terminal:
            live.update(_view(settings, session), refresh=True)
        elif time.monotonic() - last > PLAIN_LINE_EVERY_S:
            last = time.monotonic()
            say(_figures(session.observer))

    return draw


def _view(settings: Settings, session: DemoSession) -> RenderableType:
    table = Table(show_header=False, box=None)
    table.add_row("transactions sent", f"{session.truth.transactions:,}")
    table.add_row("decisions", _figures(session.observer))
    table.add_row("alerts", f"{len(session.observer.alerts):,} committed")
    table.add_row("web UI", settings.flink.rest_url)
    return Group(table, Text(""), *(format_alert(value) for value in session.observer.latest))


def _figures(observer: Observer) -> str:
    p50, p99 = observer.recent_latency_ms(50), observer.recent_latency_ms(99)
    latency = "" if p50 is None or p99 is None else f", latency p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    return f"{observer.decided:,} decided, {observer.per_s:,.0f}/s now{latency}"


def _await_commit(settings: Settings, job: Job, observer: Observer) -> None:
    """Wait for a checkpoint that began after the last decision: it commits the last alerts."""
    rest = FlinkRest(settings.flink.rest_url)
    deadline = time.monotonic() + COMMITTED_WITHIN_S
    wanted = rest.checkpoints(job.id).completed + 2
    while rest.checkpoints(job.id).completed < wanted and time.monotonic() < deadline:
        observer.poll()
    for _ in range(FINAL_POLLS):
        observer.poll()


def _summary(session: DemoSession) -> Table:
    truth, observer = session.truth, session.observer
    table = Table(title="summary", show_header=False)
    live = len(truth.sent_at)
    caught_ids = {name for name in observer.alerts if name in truth.fraud}
    alerted = sum(name in truth.sent_at for name in observer.alerts)
    table.add_row("transactions", f"{truth.transactions:,} sent, {observer.decided:,} decided, {live:,} of them live")
    latencies = ", ".join(f"p{each:g} {percentile_ms(observer.latencies_s, each) or 0:.0f} ms" for each in (50, 95, 99))
    table.add_row("latency, sent to decided", latencies)
    table.add_row("alerts on live traffic", f"{alerted:,}, of which {len(caught_ids):,} were fraud")
    table.add_row("live fraud", f"{len(truth.fraud):,} transactions, {len(caught_ids):,} of them alerted")
    sent_kinds, caught_kinds = Counter(truth.fraud.values()), Counter(truth.fraud[name] for name in caught_ids)
    for kind, count in sorted(sent_kinds.items()):
        table.add_row(f"  {kind.replace('_', ' ')}", f"{count:,}, {caught_kinds[kind]:,} alerted")
    table.add_row("dead letters", f"{session.dead_letters():,}")
    return table
