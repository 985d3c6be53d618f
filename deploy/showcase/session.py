"""The demonstration: history at once, then live traffic, with the job deciding, and what came of it."""

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
from deploy.clients.simulated_feed import open_feed
from deploy.errors import OperationError
from deploy.showcase.observer import Observer
from flink_jobs.settings import Settings
from udfs.names import Topic

WORKED_OFF_WITHIN_S = 180.0


@dataclass
class Truth:
    """What only the simulator knows: when each live transaction was sent, and which were fraud."""

    live: bool = False
    sent_at: dict[str, float] = field(default_factory=dict)
    fraud: dict[str, str] = field(default_factory=dict)
    transactions: int = 0

    def note(self, record: SimulatedRecord) -> None:
        """Take in a record that is being sent."""
        if record.topic != Topic.TRANSACTIONS:
            return
        self.transactions += 1
        if self.live:
            name = transaction_id(record.value)
            self.sent_at[name] = time.time()
            if record.fraud is not None:
                self.fraud[name] = record.fraud


class Demonstration:
    """Sends in a thread of its own, so that what is shown does not slow what is sent.

    Args:
        settings: of the running stack.
        options: of the simulation; it ends now if the live part begins now.
        history: transactions before the live part.
        seconds: length of the live part.
        speedup: seconds of event time in a second.
    """

    def __init__(
        self, settings: Settings, options: SimulatorOptions, history: int, seconds: float, speedup: float
    ) -> None:
        self._settings = settings
        self._simulator = Simulator(options)
        self._history, self._seconds, self._speedup = history, seconds, speedup
        self.truth = Truth()
        self.observer = Observer(settings, self.truth.sent_at)
        self.sent = SendProgress()
        self._feed = open_feed(settings, self.truth.note)
        self._failure: BaseException | None = None

    def send_history(self) -> None:
        """Send the past; the job need not run yet."""
        self.sent = send_history(self._feed, self._simulator, self._history, lambda _: None)

    def work_off(self, tell: Callable[[], None]) -> float:
        """Wait until the job has decided all that was sent; seconds from its first decision to the last."""
        begun, deadline = time.monotonic(), time.monotonic() + WORKED_OFF_WITHIN_S
        while self.observer.decided < self.truth.transactions:
            if not self.observer.decided:
                begun = time.monotonic()
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{self.observer.decided:,} of {self.truth.transactions:,} transactions were decided after "
                    f"{WORKED_OFF_WITHIN_S:.0f} s: look at the job in the web UI, {self._settings.flink.rest_url}"
                )
            self.observer.look()
            tell()
        return time.monotonic() - begun

    def live(self, tell: Callable[[], None]) -> None:
        """Send live, and look on."""
        self.truth.live = True
        sender = threading.Thread(target=self._send_live, name="simulator", daemon=True)
        sender.start()
        while sender.is_alive():
            self.observer.look()
            tell()
        if self._failure is not None:
            raise self._failure
        self.work_off(tell)

    def _send_live(self) -> None:
        try:
            self.sent += send_live(self._feed, self._simulator, self._seconds, self._speedup, lambda _: None)
        except Exception as error:  # raised again by the thread that waits
            self._failure = error

    def dead_letters(self) -> int:
        """Records that were refused."""
        return topics.records(self._settings, self._settings.kafka.topics.dead_letters)
