"""Options of a peer's process: one JSON argument, so that peers do not depend on the product's settings."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec


class PeerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Topics, state and number of one process of a peer.

    Attributes:
        kafka: properties of librdkafka, with ``bootstrap.servers``.
        transactions: topic of transactions, to read.
        account_events: topic of account events, to read.
        labels: topic of labels, to read.
        decisions: topic of decisions, to write.
        alerts: topic of alerts, to write.
        group: consumer group, and prefix of all other names.
        folder: folder for state.
        redis_url: Redis database for state.
        model: folder of the model.
        batch: maximum number of records in a batch.
        process: number of this process, from 0.
        processes: number of processes.
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
    def process_folder(self) -> Path:
        """Folder for the state of this process alone; created if it is missing."""
        folder = Path(self.folder) / str(self.process)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def inputs(self) -> list[str]:
        """Topics to read."""
        return [self.transactions, self.account_events, self.labels]


def read_options() -> PeerOptions:
    """Decode the options from the command line of this process."""
    return msgspec.json.decode(sys.argv[-1], type=PeerOptions)


class LoopMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """Measurement that one process of an in-memory peer prints.

    Attributes:
        decisions: decisions made.
        begun: beginning, seconds of the monotonic clock, which all processes of the machine share.
        ended: end, seconds of the same clock.
        cpu_seconds: CPU time used in between.
    """

    decisions: int
    begun: float
    ended: float
    cpu_seconds: float
