"""What a peer is told when it starts: one JSON argument, since peers do not know the product's settings."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec


class PeerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where it reads and writes, and which of its processes it is.

    Attributes:
        kafka: properties of librdkafka, with ``bootstrap.servers``.
        transactions: topic to read.
        account_events: likewise.
        labels: likewise.
        decisions: topic to write.
        alerts: likewise.
        group: consumer group, and prefix of whatever else needs a name of its own.
        folder: where it may keep state.
        redis_url: for those whose state is there.
        model: folder of the model.
        batch: records to take at once, at most.
        process: which one this is, from 0.
        processes: how many there are.
    """

    kafka: dict[str, str]
    transactions: str
    account_events: str
    labels: str
    decisions: str
    alerts: str
    group: str
    folder: str
    redis_url: str
    model: str
    batch: int = 1
    process: int = 0
    processes: int = 1

    @property
    def own_folder(self) -> Path:
        """Of this process alone; made if it is not there."""
        folder = Path(self.folder) / str(self.process)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def inputs(self) -> list[str]:
        """The topics to read."""
        return [self.transactions, self.account_events, self.labels]


def read_options() -> PeerOptions:
    """The options on this process's command line."""
    return msgspec.json.decode(sys.argv[-1], type=PeerOptions)


class LoopMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of a peer that runs in memory has measured.

    Attributes:
        decisions: that it made.
        begun: when, seconds of a clock that all processes of the machine share.
        ended: likewise.
        cpu_seconds: that it used.
    """

    decisions: int
    begun: float
    ended: float
    cpu_seconds: float
