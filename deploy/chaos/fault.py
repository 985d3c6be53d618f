"""The contract of a fault, which every file in ``deploy/chaos/faults`` implements."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, Protocol

from deploy.clients.flink_rest import FlinkRest
from deploy.job import submission
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

Phase = Literal["start", "any", "end"]
ComparedFeatures = Literal["all", "user"]


@dataclass(frozen=True, kw_only=True)
class TrafficShape:
    """How the payments sent during a fault differ from ordinary ones.

    Attributes:
        rate_factor: multiple of the ordinary rate.
        hot_key_share: share of the payments that one user makes, who alone pays one merchant, with one device.
        poison_per_payment: invalid records sent for each payment.
        hostile_per_payment: mutated records sent to all input topics for each payment; some are accepted.
        skewed_share: share of the payments with an event time ahead of the wall clock or far behind the others.
    """

    rate_factor: float = 1.0
    hot_key_share: float = 0.0
    poison_per_payment: float = 0.0
    hostile_per_payment: float = 0.0
    skewed_share: float = 0.0


@dataclass
class Target:
    """The system under test.

    Attributes:
        settings: of the job; a fault that submits the job again may replace them.
        rng: source of every choice, so that a seed repeats them.
        notes: sentences for the report.
    """

    settings: Settings
    rng: random.Random
    notes: list[str] = field(default_factory=list)

    @property
    def stack(self) -> Stack:
        return Stack(self.settings)

    @property
    def rest(self) -> FlinkRest:
        return FlinkRest(self.settings.flink.rest_url)


class Fault(Protocol):
    """One thing that goes wrong.

    Attributes:
        name: as on the command line, the file's name with hyphens.
        description: what goes wrong, a phrase for the report.
        duration_s: from ``inject`` to ``revert``, seconds. For a process that dies it is 1: the delay of a supervisor.
        traffic: the payments sent meanwhile.
        phase: when it is injected. ``start``: first, as it submits the job in its own way. ``any``: it leaves the job
            as it was, and may be combined with others. ``end``: last, as it changes the job or event time for good.
        compared_features: features that the golden run determines: all of them, or those of the user alone where the
            order in which devices and merchants see payments matters.
    """

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def duration_s(self) -> float: ...

    @property
    def traffic(self) -> TrafficShape: ...

    @property
    def phase(self) -> Phase: ...

    @property
    def compared_features(self) -> ComparedFeatures: ...

    def missing_requirement(self) -> str | None:
        """Say why the fault cannot be injected on this machine; None when it can."""
        ...

    def submit(self, target: Target) -> None:
        """Submit the job; called before any fault is injected, and only if this fault is the first of the campaign."""
        ...

    def inject(self, target: Target) -> None:
        """Inject the fault, and return at once."""
        ...

    def revert(self, target: Target) -> None:
        """End the fault, e.g. start again what died. Must do no harm where nothing was injected."""
        ...


@dataclass(frozen=True, kw_only=True)
class _OrdinaryFault:
    """What most faults have in common: the machine has all they need, and the job is submitted as always."""

    name: str
    description: str
    duration_s: float
    traffic: TrafficShape
    phase: Phase = "any"
    compared_features: ComparedFeatures = "all"

    def missing_requirement(self) -> str | None:
        return None

    def submit(self, target: Target) -> None:
        submission.submit(target.settings)


@dataclass(frozen=True, kw_only=True)
class TrafficFault(_OrdinaryFault):
    """A fault in the payments alone; the stack is not touched."""

    duration_s: float = 0.0

    def inject(self, target: Target) -> None:
        """Do nothing: the load generator shapes the traffic."""

    def revert(self, target: Target) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class InfrastructureFault(_OrdinaryFault):
    """Base of faults in the stack: ordinary traffic, an ordinary job; ``inject`` and ``revert`` are the fault's."""

    duration_s: float = 1.0
    traffic: TrafficShape = TrafficShape()
