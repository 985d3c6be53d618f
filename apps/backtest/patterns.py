"""Backtest a set of patterns on historical or simulated data.

The data pass through the same stages as in the job, in one process. Labeled data give the precision of each pattern;
simulated data also give its recall of the attacks with its name.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from apps.records import encode_source_record, transaction_id
from apps.replay.bad_rows import OnBadRow, refuse
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


class FraudLabel(NamedTuple):
    """A fraudulent payment: its kind of fraud, and its attack if it is part of one."""

    kind: str
    attack: int | None


class FoundMatch(NamedTuple):
    """A match: the payment that reported it, its event time (epoch ms), and the payments of the match."""

    transaction_id: str
    event_time: int
    transaction_ids: tuple[str, ...]


@dataclass
class PatternBacktest:
    """The result of a backtest.

    Attributes:
        transactions: number of payments.
        first: event time of the first payment, epoch ms.
        last: event time of the last payment, epoch ms.
        matches: matches by pattern id.
        truth: ground truth of every fraudulent payment, by its id.
        labeled: whether the ground truth is known.
    """

    transactions: int = 0
    first: int = 0
    last: int = 0
    matches: dict[str, list[FoundMatch]] = field(default_factory=lambda: defaultdict(list))
    truth: dict[str, FraudLabel] = field(default_factory=dict)
    labeled: bool = False

    @property
    def days(self) -> float:
        """Days of event time from the first payment to the last, at least one second."""
        return max(self.last - self.first, 1_000) / DAY_MS

    def false_matches(self, pattern_id: str) -> int:
        """Number of matches reported by a payment that is no fraud."""
        return sum(match.transaction_id not in self.truth for match in self.matches[pattern_id])

    def precision(self, pattern_id: str) -> float | None:
        """Share of matches reported by a fraudulent payment of any kind; None without matches."""
        matches = self.matches[pattern_id]
        return 1 - self.false_matches(pattern_id) / len(matches) if matches else None

    def recall(self, pattern_id: str) -> float | None:
        """Share of the attacks named like the pattern in which it matched; None without such attacks."""
        attacks = {
            truth.attack for truth in self.truth.values() if truth.kind == pattern_id and truth.attack is not None
        }
        reported = (self.truth.get(match.transaction_id) for match in self.matches[pattern_id])
        matched = {truth.attack for truth in reported if truth is not None}
        return len(attacks & matched) / len(attacks) if attacks else None

    def false_matches_per_100k(self, pattern_id: str) -> float:
        """False matches per 100,000 legitimate payments."""
        legitimate = self.transactions - len(self.truth)
        return self.false_matches(pattern_id) / max(legitimate, 1) * 100_000


def backtest_file(
    patterns: PatternSet,
    file: RowFile,
    mapping: ColumnMapping,
    limit: int | None,
    report: Callable[[int], None] = lambda _: None,
    on_bad: OnBadRow = refuse,
) -> PatternBacktest:
    """Backtest patterns on a file of transactions in order of event time.

    Args:
        patterns: patterns to backtest.
        file: file of transactions; its labels, if mapped, are the ground truth.
        mapping: mapping of the file's columns.
        limit: maximum number of transactions; None for all.
        report: called after each batch with the number of transactions so far.
        on_bad: called for each row that cannot be read; by default the first one ends the backtest.

    Raises:
        MappingError: the mapping does not fit the file.
        FileError: the file cannot be read to its end, or ``on_bad`` refuses a row.
    """
    labeled = mapping.label in file.columns
    options = ReplayOptions(limit=limit, label_delay_ms=0 if labeled else None)
    backtest = PatternBacktest(labeled=labeled)
    pipeline = _pipeline(patterns)
    for batch in _batches(replay_records(file, mapping, options, on_bad)):
        for record in batch:
            if record.topic == Topic.LABELS:
                label = msgspec.json.decode(record.value)
                if label["label"] == "fraud":
                    backtest.truth[label["transaction_id"]] = FraudLabel("fraud", None)
        # Labels are only the ground truth: in production none is known when its payment is decided.
        _run(backtest, pipeline, [(one.topic, one.key, one.value) for one in batch if one.topic != Topic.LABELS])
        report(backtest.transactions)
    return backtest


def backtest_simulation(
    patterns: PatternSet, options: SimulatorOptions, transactions: int, report: Callable[[int], None] = lambda _: None
) -> PatternBacktest:
    """Backtest patterns on simulated transactions, account events and attacks.

    Args:
        patterns: patterns to backtest.
        options: options of the simulator.
        transactions: minimum number of transactions.
        report: called after each batch with the number of transactions so far.
    """
    backtest = PatternBacktest(labeled=True)
    pipeline, simulator = _pipeline(patterns), Simulator(options)
    while backtest.transactions < transactions:
        block = simulator.block(_BATCH)
        for record in block:
            if record.fraud is not None:
                backtest.truth[transaction_id(record.value)] = FraudLabel(record.fraud, record.attack)
        _run(backtest, pipeline, [(one.topic, one.key, one.value) for one in block])
        report(backtest.transactions)
    return backtest


def _pipeline(patterns: PatternSet) -> Pipeline:
    """Make a pipeline without rules and model, which do not affect matches."""
    return Pipeline(patterns=patterns, rules=load_rules("{version: 1, rules: []}", FEATURE_NAMES))


def _batches(source: Iterable[ReplayRecord]) -> Iterator[Sequence[ReplayRecord]]:
    iterator = iter(source)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _run(backtest: PatternBacktest, pipeline: Pipeline, batch: Sequence[tuple[Topic, bytes | None, bytes]]) -> None:
    encoded = [encode_source_record(topic, key, value) for topic, key, value in batch]
    # A wall clock after all data, so that no record is refused as being in the future.
    _, output = pipeline.process(encoded, now_ms=4_000_000_000_000)
    for payment in output.payments:
        backtest.first = backtest.first or payment.event_time
        backtest.last = max(backtest.last, payment.event_time)
        for match in payment.matches:
            found = FoundMatch(payment.transaction_id, payment.event_time, match.transaction_ids)
            backtest.matches[match.pattern].append(found)
    backtest.transactions += len(output.payments)
