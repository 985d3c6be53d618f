"""What a backtest keeps of the decisions: columns, a row a payment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.decision import Action
from udfs.stages.decision_engine import DecisionBatch

ACTIONS: tuple[Action, ...] = ("approve", "monitor", "challenge", "block")
"""From the mildest; a column of actions holds places in it."""
HOLDS = (ACTIONS.index("challenge"), ACTIONS.index("block"))
"""Actions that hold a payment."""
_CODE = {action: code for code, action in enumerate(ACTIONS)}

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class _Model(msgspec.Struct):
    score: float | None


class _Decision(msgspec.Struct):
    """What a backtest reads of a decision."""

    transaction_id: str
    user_id: str
    action: Action
    score: float
    model: _Model
    rules: list[str]
    patterns: list[str]


class _Identity(msgspec.Struct):
    transaction_id: str
    user_id: str


_decoder = msgspec.json.Decoder(_Decision)
_identities = msgspec.json.Decoder(_Identity)


@dataclass
class Decided:
    """Decisions by one policy; a row a payment.

    Attributes:
        scores: (n,).
        model_scores: (n,), NaN without a model.
        actions: (n,), places in ``ACTIONS``.
        alerts: (n,).
        spoke: pairs of row and place among the policy's causes, (m, 2).
        ablated: what would be decided without a cause, where that differs: row, cause, action, alert, (p, 4).
    """

    scores: Floats
    model_scores: Floats
    actions: Codes
    alerts: Flags
    spoke: Ints
    ablated: Ints

    @classmethod
    def joined(cls, parts: Sequence[tuple[int, Decided]]) -> Decided:
        """Join decisions, each with the number of its first row."""
        return cls(
            np.concatenate([part.scores for _, part in parts]),
            np.concatenate([part.model_scores for _, part in parts]),
            np.concatenate([part.actions for _, part in parts]),
            np.concatenate([part.alerts for _, part in parts]),
            np.concatenate([part.spoke + np.array((first, 0)) for first, part in parts]),
            np.concatenate([part.ablated + np.array((first, 0, 0, 0)) for first, part in parts]),
        )


@dataclass
class Outcome:
    """Payments of a batch, or of a backtest, and the decisions by each policy.

    Attributes:
        transaction_ids: (n,).
        user_ids: (n,).
        event_times: (n,), epoch milliseconds.
        amounts: (n,).
        decided: by policy.
        decisions: encoded, by the first policy; empty unless they are kept.
        examples: rows that the first two policies decide differently, some of them, with the encoded decisions.
        refused: records that became dead letters, by reason.
        repeats: records that were dropped, since their payment was decided before.
    """

    transaction_ids: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    event_times: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    amounts: Floats = field(default_factory=lambda: np.empty(0))
    decided: list[Decided] = field(default_factory=list)
    decisions: list[bytes] = field(default_factory=list)
    examples: list[tuple[int, list[bytes]]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    repeats: int = 0

    def __len__(self) -> int:
        return len(self.transaction_ids)


def read_decisions(batch: DecisionBatch, causes: Mapping[tuple[str, str], int]) -> Decided:
    """Read encoded decisions; ``ablated`` stays empty.

    Args:
        batch: of decisions and alerts.
        causes: place of each rule and pattern, by kind and id. Others are left out.
    """
    decisions = [_decoder.decode(value) for value in batch.decisions]
    alerted = {(found.user_id, found.transaction_id) for found in map(_identities.decode, batch.alerts)}
    spoke = [
        (row, place)
        for row, decision in enumerate(decisions)
        if decision.rules or decision.patterns
        for place in _places(decision, causes)
    ]
    scores = [np.nan if decision.model.score is None else decision.model.score for decision in decisions]
    return Decided(
        np.array([decision.score for decision in decisions], np.float64),
        np.array(scores, np.float64),
        np.array([_CODE[decision.action] for decision in decisions], np.int8),
        np.array([(decision.user_id, decision.transaction_id) in alerted for decision in decisions], np.bool_),
        np.array(spoke, np.int64).reshape(-1, 2),
        np.empty((0, 4), np.int64),
    )


def _places(decision: _Decision, causes: Mapping[tuple[str, str], int]) -> Iterable[int]:
    named = [("rule", each) for each in decision.rules] + [("pattern", each) for each in decision.patterns]
    return [causes[cause] for cause in named if cause in causes]


def join(parts: Sequence[Outcome]) -> Outcome:
    """Join the outcomes of batches, in order."""
    combined = Outcome(
        refused=sum((part.refused for part in parts), Counter()), repeats=sum(part.repeats for part in parts)
    )
    first = 0
    offsets: list[tuple[int, Outcome]] = []
    for part in parts:
        if len(part):
            offsets.append((first, part))
            combined.transaction_ids += part.transaction_ids
            combined.user_ids += part.user_ids
            combined.decisions += part.decisions
            combined.examples += [(first + row, values) for row, values in part.examples]
            first += len(part)
    if offsets:
        combined.event_times = np.concatenate([part.event_times for _, part in offsets])
        combined.amounts = np.concatenate([part.amounts for _, part in offsets])
        policies = range(len(offsets[0][1].decided))
        combined.decided = [
            Decided.joined([(start, part.decided[policy]) for start, part in offsets]) for policy in policies
        ]
    return combined
