"""One trial: a job with topics of its own, three waves of payments, faults during the second, and the account."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from apps.quiet import compared, computed
from apps.waves import HOUR_MS, Sent, Waves
from deploy import kafka_clients, topics
from deploy.apart import apart
from deploy.chaos.account import Account, Decided, account
from deploy.chaos.fault import Fault, Scene, Traffic
from deploy.chaos.load import Load, send_aside
from deploy.chaos.recovery import longest_wait_s, recovery_s
from deploy.chaos.traffic import together, wave
from deploy.chaos.witness import Witness
from deploy.dead_letters import SOURCE_OFFSET, SOURCE_PARTITION
from deploy.errors import OperationError
from deploy.flink_rest import FlinkUnreachableError, JobNotFoundError
from flink_jobs.settings import DecisionSettings, Settings

USERS = 400
DAYS_BACK = 20
WAVES = 3
SETTLED_WITHIN_S = 180.0
READ_WITHIN_S = 120.0
APART_S = 10.0
"""Mixed faults strike within so many seconds."""
POLL_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a trial is done.

    Attributes:
        seed: the same one makes the same payments and the same choices.
        transactions: of all waves together.
        rate: payments a second.
    """

    seed: int = 1
    transactions: int = 9_000
    rate: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trial found.

    Attributes:
        faults: that struck.
        account: of transactions, decisions and alerts.
        recovery_s: from the first fault until decisions flowed again; 0 when they never stopped, None when they did
            not come back.
        longest_wait_s: of a payment for its first decision.
        poisoned: refused records sent.
        dead_letters: of them found among the dead letters.
        notes: what the faults tell.
    """

    faults: Sequence[Fault]
    account: Account
    recovery_s: float | None
    longest_wait_s: float
    poisoned: int
    dead_letters: int
    notes: Sequence[str]

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults)

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken, one phrase each."""
        found = list(self.account.faults)
        if self.recovery_s is None:
            found.append("decisions never flowed again as before")
        if self.dead_letters != self.poisoned:
            found.append(f"{self.poisoned} records to be refused, {self.dead_letters} dead letters of them")
        return found


def attempt(settings: Settings, faults: Sequence[Fault], options: Options, say: Callable[[str], None]) -> Trial:
    """Run one trial on a stack that is up; whatever is broken afterwards, its faults are healed and its job is gone.

    Raises:
        OperationError: it could not be brought to its end.
    """
    rng = random.Random(f"{options.seed} {[fault.name for fault in faults]}")
    name = f"chaos-{rng.randrange(16**8):08x}"
    own = apart(settings, name, checkpoint_interval_ms=2_000, start_from="earliest")
    own = own.model_copy(update={"decision": DecisionSettings(sampled_features=1.0)})
    topics.ensure(own)
    topics.stamp_on_append(own)
    scene = Scene(own, rng)
    try:
        faults[0].submit(scene)
        with _witness(own) as witness:
            return _Running(scene, faults, options, witness, say).run()
    finally:
        for fault in faults:
            fault.heal(scene)
        _end_job(scene)


@dataclass
class _Running:
    scene: Scene
    faults: Sequence[Fault]
    options: Options
    witness: Witness
    say: Callable[[str], None]
    sent: list[Sent] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)
    struck_at: float = 0.0
    poisoned: int = 0

    def run(self) -> Trial:
        per_wave = self.options.transactions // WAVES
        start = round(time.time() * 1000) - DAYS_BACK * 24 * HOUR_MS
        waves = Waves(start, users=USERS, per_wave=per_wave, seed=self.options.seed)
        self._wave(waves, Traffic(), strikes=False)
        aside = waves.aside()
        send_aside(self.scene.settings, aside)
        self.sent += aside
        self._through()
        self._wave(waves, together(fault.traffic for fault in self.faults), strikes=True)
        self._wave(waves, Traffic(), strikes=False)
        return self._found()

    def _wave(self, waves: Waves, traffic: Traffic, *, strikes: bool) -> None:
        """Send a wave; faults strike when a third of it is sent; and wait until the job is through with it."""
        records = wave(waves, traffic, self.scene.rng, round(time.time() * 1000))
        load = Load(self.scene.settings, records, self.options.rate * traffic.burst, traffic.poison, self.scene.rng)
        load.start()
        if strikes:
            time.sleep(len(records) / 3 / (self.options.rate * traffic.burst))
            self._strike()
        load.join(timeout=SETTLED_WITHIN_S)
        if load.error is not None or load.is_alive():
            raise OperationError(f"the load could not be sent: {load.error or 'it takes too long'}")
        self.sent += records
        self.sent_at |= load.sent_at
        self.poisoned += load.poisoned
        self.witness.await_decided(load.sent_at.keys(), SETTLED_WITHIN_S)
        self._through()

    def _strike(self) -> None:
        """Every fault begins and ends at its time; several begin within seconds of each other."""
        rng = self.scene.rng
        begins = [0.0, *(rng.uniform(0, APART_S) for _ in self.faults[1:])]
        acts = [(begin, fault.name, fault.inject) for begin, fault in zip(begins, self.faults, strict=True)]
        acts += [
            (begin + fault.lasts_s, fault.name, fault.heal) for begin, fault in zip(begins, self.faults, strict=True)
        ]
        self.struck_at, begun = time.time(), time.monotonic()
        for at, name, act in sorted(acts, key=lambda each: each[0]):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            self.say(f"  {time.monotonic() - begun:.1f} s: {name}, {act.__name__}")
            act(self.scene)

    def _through(self) -> None:
        """Wait for a second checkpoint: by then everything before it is known to every profile, and committed."""
        scene, wanted = self.scene, 2
        deadline, before = time.monotonic() + SETTLED_WITHIN_S, -1
        while wanted > 0:
            if time.monotonic() > deadline:
                raise OperationError(f"no checkpoints were completed within {SETTLED_WITHIN_S:.0f} s")
            try:
                job = scene.rest.running(scene.settings.job.name)
                completed = scene.rest.checkpoints(job.id).completed
            except (FlinkUnreachableError, JobNotFoundError):
                completed = -1  # a JobManager that comes back counts from the beginning
            if before >= 0 and completed > before:
                wanted -= completed - before
            before = completed
            time.sleep(POLL_S)

    def _found(self) -> Trial:
        settings = self.scene.settings
        names, threshold = settings.kafka.topics, settings.decision.alert
        decisions = []
        for message in kafka_clients.read_all(settings, names.decisions, READ_WITHIN_S):
            told = msgspec.json.decode(message.value() or b"")
            decisions.append(Decided(told["transaction_id"], told["score"] >= threshold, compared(told)))
        alerts = [
            msgspec.json.decode(message.value() or b"")["transaction_id"]
            for message in kafka_clients.read_all(settings, names.alerts, READ_WITHIN_S)
        ]
        quiet = computed(self.sent, round(time.time() * 1000), _partitions(settings))
        only = "user_" if any(fault.compares == "user" for fault in self.faults) else ""
        return Trial(
            faults=self.faults,
            account=account(self.sent_at.keys(), decisions, alerts, quiet, only),
            recovery_s=recovery_s(self.struck_at, self.sent_at, self.witness.decided_at),
            longest_wait_s=longest_wait_s(self.sent_at, self.witness.decided_at),
            poisoned=self.poisoned,
            dead_letters=len(_refused(settings)),
            notes=self.scene.notes,
        )


def _partitions(settings: Settings) -> Mapping[bytes, int]:
    """In which partition each user's records lie: the same one in every topic."""
    names = settings.kafka.topics
    return {
        message.key() or b"": message.partition() or 0
        for topic in (names.transactions, names.labels, names.account_events)
        for message in kafka_clients.read_all(settings, topic, READ_WITHIN_S)
    }


def _refused(settings: Settings) -> set[tuple[bytes, bytes]]:
    """Where the refused records stood; a dead letter may come again after a failure."""
    letters = kafka_clients.read_all(settings, settings.kafka.topics.dead_letters, READ_WITHIN_S)
    headers = [dict(message.headers() or ()) for message in letters]
    return {(each[SOURCE_PARTITION], each[SOURCE_OFFSET]) for each in headers}


@contextmanager
def _witness(settings: Settings) -> Iterator[Witness]:
    witness = Witness(settings)
    witness.start()
    try:
        yield witness
    finally:
        witness.stop()


def _end_job(scene: Scene) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            scene.rest.cancel(scene.rest.running(scene.settings.job.name).id, 60)
        except JobNotFoundError:
            break
        except FlinkUnreachableError:
            time.sleep(1)
    topics.delete(scene.settings)
