"""What a fault is: the contract that every file in ``deploy/chaos/faults`` fulfils."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, Protocol

from deploy.clients.flink_rest import FlinkRest
from deploy.job import submission
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What is peculiar about the payments while a fault lasts.

    Attributes:
        burst: times the usual rate.
        hot: share of the payments that are of one user, who alone pays one merchant, with one device.
        poison: refused records for each payment, in between.
        skewed: share of payments with times ahead of the wall clock or far behind the others.
    """

    burst: float = 1.0
    hot: float = 0.0
    poison: float = 0.0
    skewed: float = 0.0


@dataclass
class Target:
    """Where a fault strikes.

    Attributes:
        settings: of the job; a fault that starts it anew may change them.
        rng: the same seed strikes the same.
        notes: what a fault tells beside the figures.
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
        name: as on the command line.
        what: it does, in a sentence for the report.
        lasts_s: from ``inject`` to ``revert``, seconds; a supervisor starts again after one second what has died.
        traffic: how the payments are while it lasts.
        mixes: whether it may strike while others last.
        compares: whether all features must be those of a quiet run, or the user's alone, since the order in which
            others are met is not determined.
    """

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def lasts_s(self) -> float: ...

    @property
    def traffic(self) -> Traffic: ...

    @property
    def mixes(self) -> bool: ...

    @property
    def compares(self) -> Literal["all", "user"]: ...

    def submit(self, scene: Target) -> None:
        """Submit the job, before anything goes wrong."""
        ...

    def inject(self, scene: Target) -> None:
        """Let it happen; returns as soon as it has."""
        ...

    def revert(self, scene: Target) -> None:
        """Let it be over: what died is started again. Must do no harm where nothing was injected."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrafficFault:
    """A fault of the payments alone: nothing of the stack is touched."""

    name: str
    what: str
    traffic: Traffic
    lasts_s: float = 0.0
    mixes: bool = True
    compares: Literal["all", "user"] = "all"

    def submit(self, scene: Target) -> None:
        """As ever."""
        submission.submit(scene.settings)

    def inject(self, scene: Target) -> None:
        """The payments are made that way."""

    def revert(self, scene: Target) -> None:
        """And then they are ordinary again."""


@dataclass(frozen=True, kw_only=True)
class InfrastructureFault:
    """What most faults of the stack have: an ordinary job, ordinary traffic, and the same features as ever."""

    name: str
    what: str
    lasts_s: float = 1.0
    traffic: Traffic = Traffic()
    mixes: bool = True
    compares: Literal["all", "user"] = "all"

    def submit(self, scene: Target) -> None:
        """As ever."""
        submission.submit(scene.settings)
