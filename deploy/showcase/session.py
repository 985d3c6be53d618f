"""A session of the demonstration: it sends history, then live traffic, and waits for the decisions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.records import transaction_id
from apps.simulator.sending import SendProgress, send_history, send_live
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from deploy.clients import topics
from deploy.clients.decisions import DecisionsMissingError, await_count
from deploy.clients.simulated_feed import open_feed
from deploy.errors import OperationError
from deploy.showcase.observer import Observer
from flink_jobs.settings import Settings
from udfs.names import Topic

DECIDED_WITHIN_S = 180.0


@dataclass
class GroundTruth:
    """Facts about the sent transactions that only the simulator has.

    Attributes:
        live: whether transactions are sent live now; the other attributes but ``transactions`` are of live ones only.
        sent_at: when each transaction was sent, seconds of the wall clock, by id.
        fraud: kind of fraud, by id.
        transactions: number sent, history and live.
    """

    live: bool = False
    sent_at: dict[str, float] = field(default_factory=dict)
    fraud: dict[str, str] = field(default_factory=dict)
    transactions: int = 0

    def record(self, record: SimulatedRecord) -> None:
        """Count a record that is being sent."""
        if record.topic != Topic.TRANSACTIONS:
            return
        self.transactions += 1
        if self.live:
            name = transaction_id(record.value)
            self.sent_at[name] = time.time()
            if record.fraud is not None:
                self.fraud[name] = record.fraud


class DemoSession:
    """Sends live traffic in a thread, so that drawing the view does not slow the sending.

    Args:
        settings: of the running stack.
        options: of the simulation; it ends now if the live part begins now.
        history: number of transactions before the live part.
        seconds: length of the live part.
        speedup: seconds of event time in a second.

    Attributes:
        truth: about the transactions sent.
        observer: of the decisions and alerts.
        counts: of the records sent.
    """

    def __init__(
        self, settings: Settings, options: SimulatorOptions, history: int, seconds: float, speedup: float
    ) -> None:
        self._settings = settings
        self._simulator = Simulator(options)
        self._history, self._seconds, self._speedup = history, seconds, speedup
        self.truth = GroundTruth()
        self.observer = Observer(settings, self.truth.sent_at)
        self.counts = SendProgress()
        self._feed = open_feed(settings, self.truth.record)
        self._failure: BaseException | None = None

    def send_history(self) -> None:
        """Send the history; the job need not run yet."""
        self.counts = send_history(self._feed, self._simulator, self._history, lambda _: None)

    def await_decisions(self, draw: Callable[[], None]) -> float:
        """Wait until the job has decided all transactions sent so far.

        Args:
            draw: called several times a second.

        Returns:
            Seconds from the first decision to the last.

        Raises:
            OperationError: some are not decided in time.
        """
        started = time.monotonic()

        def decided() -> int:
            nonlocal started
            if not self.observer.decided:
                started = time.monotonic()
            self.observer.poll()
            draw()
            return self.observer.decided

        try:
            await_count(decided, self.truth.transactions, DECIDED_WITHIN_S, poll_s=0.0)
        except DecisionsMissingError as error:
            raise OperationError(f"{error}: look at the job in the web UI, {self._settings.flink.rest_url}") from None
        return time.monotonic() - started

    def run_live(self, draw: Callable[[], None]) -> None:
        """Send live traffic, and wait for its decisions.

        Args:
            draw: called several times a second.

        Raises:
            OperationError: some transactions are not decided in time.
        """
        self.truth.live = True
        thread = threading.Thread(target=self._send_live, name="simulator", daemon=True)
        thread.start()
        while thread.is_alive():
            self.observer.poll()
            draw()
        if self._failure is not None:
            raise self._failure
        self.await_decisions(draw)

    def _send_live(self) -> None:
        try:
            self.counts += send_live(self._feed, self._simulator, self._seconds, self._speedup, lambda _: None)
        except Exception as error:  # raised again by the thread that waits
            self._failure = error

    def dead_letters(self) -> int:
        """Number of dead letters."""
        return topics.records(self._settings, self._settings.kafka.topics.dead_letters)
