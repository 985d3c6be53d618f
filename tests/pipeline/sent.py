"""Records as Kafka has them and a pipeline that decides them: what a test does not say is ordinary."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from state.store import changelog
from tests.payments import NOON_MS
from udfs.decision import Alert, Decision
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import Kind, ShardEntry
from udfs.pipeline import MemoryState, Pipeline, PipelineStates
from udfs.rules import default_rules
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.merchant import MerchantOutput
from udfs.stages.minute_totals import MINUTE_COLUMNS, MinuteTotals

NOW_MS = NOON_MS + 12 * 3_600_000
RULES = default_rules(FEATURE_NAMES)


def record(kind: Kind, value: Mapping[str, Any] | bytes | None, key: str | None = "alice", partition: int = 0) -> bytes:
    """A encoded record; a mapping becomes JSON."""
    encoded = json.dumps(value).encode() if isinstance(value, Mapping) else value
    return encode_envelope(Envelope(kind, partition, 0, None if key is None else key.encode(), encoded))


def at(minute: float) -> int:
    """So many minutes after noon, epoch milliseconds."""
    return NOON_MS + round(minute * 60_000)


def paid(
    transaction_id: str,
    amount: float,
    minute: float = 0.0,
    *,
    user: str = "alice",
    merchant: str = "shop",
    partition: int = 0,
    **fields: Any,
) -> bytes:
    """The record of a payment."""
    value = {
        "transaction_id": transaction_id,
        "user_id": user,
        "amount": amount,
        "currency": "EUR",
        "merchant_id": merchant,
        "timestamp": at(minute),
    }
    return record(Kind.TRANSACTION, value | fields, user, partition)


def account_event(kind: str, minute: float = 0.0, *, user: str = "alice") -> bytes:
    """The record of an account event."""
    return record(Kind.ACCOUNT_EVENT, {"user_id": user, "kind": kind, "timestamp": at(minute)}, user)


def labelled(
    transaction_id: str,
    verdict: str,
    minute: float = 0.0,
    *,
    user: str = "alice",
    merchant: str = "shop",
    device: str | None = None,
    known_after: float = 60.0,
) -> bytes:
    """The record of a label on a payment at that minute, known so many minutes later."""
    value = {
        "transaction_id": transaction_id,
        "user_id": user,
        "merchant_id": merchant,
        "event_time": at(minute),
        "timestamp": at(minute + known_after),
        "label": verdict,
        "device_id": device,
    }
    return record(Kind.LABEL, value, user)


def controlled(kind: str, version: int, body: Any) -> bytes:
    """A control record."""
    return record(Kind.CONTROL, {"kind": kind, "version": version, "body": body}, kind)


def pipeline(**options: Any) -> Pipeline:
    """A pipeline with the ready rules, unless others are given."""
    return Pipeline(**({"rules": RULES} | options))


def restarted(before: Pipeline, **options: Any) -> Pipeline:
    """A new pipeline that has nothing of the old one but a copy of its state."""
    return pipeline(states=copied(before), **options)


def copied(one: Pipeline) -> PipelineStates[MemoryState]:
    """Copies of the states of all stages as of a checkpoint now."""
    one.checkpoint(NOW_MS)
    return PipelineStates(*map(MemoryState, one.states))


def memory(one: Pipeline) -> list[dict[str, bytes]]:
    """What all stages remember of users, devices and merchants, and not of the way there: where event time is."""
    return [profiles(state) for state in copied(one)]


def decide(one: Pipeline, *records: bytes, control: tuple[bytes, ...] = (), now_ms: int = NOW_MS) -> list[Decision]:
    """The decisions on a batch."""
    return decisions(one.process(records, now_ms, control)[1])


def alert(one: Pipeline, *records: bytes) -> list[Alert]:
    """The alerts of a batch."""
    return alerts(one.process(records, NOW_MS)[1])


def decisions(output: MerchantOutput) -> list[Decision]:
    """As a consumer reads them."""
    return [msgspec.json.decode(value, type=Decision) for value in output.decisions.decisions]


def alerts(output: MerchantOutput) -> list[Alert]:
    """As a consumer reads them."""
    return [msgspec.json.decode(value, type=Alert) for value in output.decisions.alerts]


def feature(output: MerchantOutput, name: str) -> list[float]:
    """One feature of each payment of a batch."""
    column: list[float] = output.features[:, FEATURE_NAMES.index(name)].tolist()
    return column


def summed(counted: Iterable[MinuteTotals], name: str) -> float:
    """The sum of one of ``TALLY_COLUMNS``."""
    return sum(totals[MINUTE_COLUMNS.index(name)] for _, _, totals in counted)


def but_for_minutes(state: Mapping[str, bytes]) -> dict[str, bytes]:
    """A state without what is counted for the metrics: it is closed by subtask."""
    return {key: packed for key, packed in state.items() if not key.startswith(ShardEntry.MINUTES)}


_OF_THE_SHARD = (*ShardEntry, changelog.CHANGELOG_KEY)


def profiles(state: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a stage remembers of its users, devices or merchants."""
    return {entity: packed for entity, packed in state.items() if not entity.startswith(_OF_THE_SHARD)}
