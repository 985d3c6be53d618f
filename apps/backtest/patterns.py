"""Patterns on trial: what a set of them finds in data, before it is sent to anybody's job.

The data go through the very stages that serve, in one process. Where the truth is known, it says how often a pattern
was right; where the data come from the simulator, also how many of the attacks it found.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from apps.records import encode_source_record, transaction_id
from apps.replay.mapping import ColumnMapping
from apps.replay.replaying import ReplayOptions, ReplayRecord, replay_records
from apps.replay.rows import RowFile
from apps.simulator.simulator import Simulator, SimulatorOptions
from state.kernel.times import DAY_MS
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import Topic
from udfs.patterns import PatternSet
from udfs.pipeline import Pipeline
from udfs.rules import load_rules

_BATCH = 1_000


class GroundTruth(NamedTuple):
    """What a payment is known to be: the kind of fraud, and the number of the attack where there is one."""

    kind: str
    attack: int | None


class FoundMatch(NamedTuple):
    """A match: the payment that completed it, when, and the payments in it."""

    transaction_id: str
    event_time: int
    transaction_ids: tuple[str, ...]


@dataclass
class PatternBacktest:
    """What was found.

    Attributes:
        transactions: payments that were looked at.
        first: event time of the first one, epoch ms.
        last: of the last one.
        found: matches by pattern id.
        truth: of every payment that is fraud, by id.
        labelled: whether the truth is known at all.
    """

    transactions: int = 0
    first: int = 0
    last: int = 0
    found: dict[str, list[FoundMatch]] = field(default_factory=lambda: defaultdict(list))
    truth: dict[str, GroundTruth] = field(default_factory=dict)
    labelled: bool = False

    @property
    def days(self) -> float:
        """Days of event time, of which there is a second at least."""
        return max(self.last - self.first, 1_000) / DAY_MS

    def false_matches(self, pattern_id: str) -> int:
        """Matches that were completed by a payment that is no fraud."""
        return sum(one.transaction_id not in self.truth for one in self.found[pattern_id])

    def precision(self, pattern_id: str) -> float | None:
        """Share of matches that were completed by a fraud of whichever kind; None of no match."""
        matches = self.found[pattern_id]
        return 1 - self.false_matches(pattern_id) / len(matches) if matches else None

    def recall(self, pattern_id: str) -> float | None:
        """Share of the attacks of the pattern's name in which it matched; None where there are none of that name."""
        attacks = {one.attack for one in self.truth.values() if one.kind == pattern_id and one.attack is not None}
        completed = (self.truth.get(one.transaction_id) for one in self.found[pattern_id])
        hit = {one.attack for one in completed if one is not None}
        return len(attacks & hit) / len(attacks) if attacks else None

    def false_a_day(self, pattern_id: str) -> float:
        """Matches with no fraud, for every 100,000 payments that are none; of so many a day, it is a rate a day."""
        ordinary = self.transactions - len(self.truth)
        return self.false_matches(pattern_id) / max(ordinary, 1) * 100_000


def on_file(
    patterns: PatternSet,
    file: RowFile,
    mapping: ColumnMapping,
    limit: int | None,
    tell: Callable[[int], None] = lambda _: None,
) -> PatternBacktest:
    """Try patterns on a file of transactions in order of time; its labels, where there are any, are the truth.

    Raises:
        MappingError: the mapping does not fit the file.
        FileError: the file cannot be read to its end.
    """
    labelled = mapping.label in file.columns
    options = ReplayOptions(limit=limit, label_delay_ms=0 if labelled else None)
    trial = PatternBacktest(labelled=labelled)
    pipeline = _pipeline(patterns)
    for batch in _batches(replay_records(file, mapping, options)):
        for record in batch:
            if record.topic == Topic.LABELS:
                label = msgspec.json.decode(record.value)
                if label["label"] == "fraud":
                    trial.truth[label["transaction_id"]] = GroundTruth("fraud", None)
        # The truth is for the count: no pattern sees a label on the day of its payment.
        _run(trial, pipeline, [(one.topic, one.key, one.value) for one in batch if one.topic != Topic.LABELS])
        tell(trial.transactions)
    return trial


def on_simulation(
    patterns: PatternSet, options: SimulatorOptions, transactions: int, tell: Callable[[int], None] = lambda _: None
) -> PatternBacktest:
    """Try patterns on so many simulated transactions at least, with account events and attacks."""
    trial = PatternBacktest(labelled=True)
    pipeline, simulator = _pipeline(patterns), Simulator(options)
    while trial.transactions < transactions:
        block = simulator.block(_BATCH)
        for record in block:
            if record.fraud is not None:
                trial.truth[transaction_id(record.value)] = GroundTruth(record.fraud, record.attack)
        _run(trial, pipeline, [(one.topic, one.key, one.value) for one in block])
        tell(trial.transactions)
    return trial


def _pipeline(patterns: PatternSet) -> Pipeline:
    """Without rules and model, which cost time and say nothing here."""
    return Pipeline(patterns=patterns, rules=load_rules("{version: 1, rules: []}", FEATURE_NAMES))


def _batches(found: Iterable[ReplayRecord]) -> Iterator[Sequence[ReplayRecord]]:
    source = iter(found)
    while batch := list(itertools.islice(source, _BATCH)):
        yield batch


def _run(trial: PatternBacktest, pipeline: Pipeline, batch: Sequence[tuple[Topic, bytes | None, bytes]]) -> None:
    encoded = [encode_source_record(topic, key, value) for topic, key, value in batch]
    # By a clock that is after everything: old data are in nobody's future.
    _, output = pipeline.process(encoded, now_ms=4_000_000_000_000)
    for payment in output.payments:
        trial.first = trial.first or payment.event_time
        trial.last = max(trial.last, payment.event_time)
        for match in payment.matches:
            one = FoundMatch(payment.transaction_id, payment.event_time, match.transaction_ids)
            trial.found[match.pattern].append(one)
    trial.transactions += len(output.payments)


def kinds_of_fraud(trial: PatternBacktest) -> Counter[str]:
    """Payments of every kind of fraud in the data."""
    return Counter(one.kind for one in trial.truth.values())
