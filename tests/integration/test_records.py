"""Valid and invalid records in the topics of a running job: valid ones are decided, others refused, nothing stops."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Message

from apps.kafka_producer import KafkaProducer
from deploy.clients import kafka_clients
from tests.integration.local_stack import LocalStack, await_true

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
WITHIN_S = 120.0


def record(name: str, **fields: Any) -> tuple[bytes, bytes]:
    """A transaction of alice's, now, and its key."""
    defaults = {
        "transaction_id": name,
        "user_id": "alice",
        "amount": 12.5,
        "currency": "EUR",
        "merchant_id": "bakery",
        "timestamp": round(time.time() * 1000),
    }
    made = {key: value for key, value in (defaults | fields).items() if value is not ...}
    return str(made.get("user_id", "alice")).encode(), json.dumps(made).encode()


REFUSED: dict[str, tuple[bytes | None, bytes | None]] = {
    "empty": (b"alice", b""),
    "oversized": (b"alice", b'{"transaction_id": "' + b"x" * (10 * MIB) + b'"}'),
    "not_utf8": (b"alice", b'{"transaction_id": "\xff\xfe"}'),
    "not_json": (b"alice", b"{transaction_id"),
    "missing_field": record("bad", merchant_id=...),
    "wrong_type": record("bad", amount="twelve"),
    "not_finite": (b"alice", record("bad")[1].replace(b"12.5", b"NaN")),
    "amount_negative": record("bad", amount=-1),
    "amount_absurd": record("bad", amount=1e12),
    "time_unreadable": record("bad", timestamp="yesterday"),
    "time_out_of_range": record("bad", timestamp="0001-01-01T00:00:00Z"),
    "time_in_future": record("bad", timestamp=round(time.time() * 1000) + 10 * 86_400_000),
    "duplicate_field": (b"alice", record("bad")[1].replace(b"{", b'{"amount": 1, ')),
    "identifier_invalid": record("bad", merchant_id=""),
    "key_mismatch": (b"bob", record("bad")[1]),
}
ALSO_REFUSED: list[tuple[bytes | None, bytes | None, str]] = [
    (b"alice", None, "empty"),
    (None, record("bad")[1], "key_mismatch"),
    (b"alice", record("bad", timestamp="9999-12-31T23:59:59Z")[1], "time_out_of_range"),
]


@pytest.fixture(scope="module")
def job(stack: LocalStack) -> Iterator[LocalStack]:
    """The job, running in a namespace."""
    namespaced = stack.with_namespace("records", checkpoint_interval_ms=2_000)
    namespaced.sentinel("submit")
    yield namespaced
    namespaced.cancel_job()


def _shown(letter: tuple[str, bytes | None, bytes | None]) -> str:
    reason, key, value = letter
    return f"{reason} {key!r} {len(value or b'')}"


def decisions(job: LocalStack, count: int) -> list[dict[str, Any]]:
    found = job.await_records(job.settings.kafka.topics.decisions, count, WITHIN_S)
    return [json.loads(message.value() or b"") for message in found]


def test_every_bad_record_is_refused_with_its_reason_byte_for_byte_and_good_ones_around_it_are_decided(
    job: LocalStack,
) -> None:
    names = job.settings.kafka.topics
    bad = [*REFUSED.values(), *((key, value) for key, value, _ in ALSO_REFUSED)]
    good = [record(f"good-{number}") for number in range(len(bad))]

    job.produce(names.transactions, [each for pair in zip(good, bad, strict=True) for each in pair])

    letters = job.await_records(names.dead_letters, len(bad), WITHIN_S)
    found = Counter(
        (dict(letter.headers() or ())["reason"].decode(), letter.key(), letter.value()) for letter in letters
    )
    expected = [(reason, *pair) for reason, pair in REFUSED.items()]
    expected += [(reason, key, value) for key, value, reason in ALSO_REFUSED]
    # Lengths first: ten megabytes would make the message unreadable.
    assert sorted(map(_shown, found.elements())) == sorted(map(_shown, expected))
    assert found == Counter(expected)
    sources = {dict(letter.headers() or ())["source.topic"].decode() for letter in letters}
    assert sources == {names.transactions}
    decided = [
        each["transaction_id"] for each in decisions(job, len(good)) if each["transaction_id"].startswith("good-")
    ]
    assert Counter(decided) == Counter(f"good-{number}" for number in range(len(good)))


def test_a_repeated_transaction_gets_no_second_decision_and_a_late_one_is_decided_and_flagged(job: LocalStack) -> None:
    names = job.settings.kafka.topics
    now = round(time.time() * 1000)
    in_time = record("in-time", user_id="bob", timestamp=now)
    late = record("late", user_id="bob", timestamp=now - 600_000)
    last = record("last", user_id="bob", timestamp=now + 1)

    job.produce(names.transactions, [in_time])
    job.produce(names.transactions, [in_time, late, in_time, last])

    def of_bob() -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for message in job.read(names.decisions):
            decision = json.loads(message.value() or b"")
            if decision["user_id"] == "bob":
                found.setdefault(decision["transaction_id"], []).append(decision)
        return found

    deadline = time.monotonic() + WITHIN_S
    while "last" not in of_bob() and time.monotonic() < deadline:
        time.sleep(0.5)
    found = of_bob()
    assert {name: len(each) for name, each in found.items()} == {"in-time": 1, "late": 1, "last": 1}
    assert [found[name][0]["late"] for name in ("in-time", "late", "last")] == [False, True, False]


def test_rules_sent_to_the_control_topic_decide_from_then_on_and_bad_ones_are_refused(job: LocalStack) -> None:
    names = job.settings.kafka.topics
    rules = {
        "version": 2,
        "rules": [{"id": "tiny", "when": "amount < 0.02", "reason": "RULE_TINY", "at_least": 0.95}],
    }
    job.produce(names.control, [(b"rules", json.dumps({"kind": "rules", "version": 2, "body": rules}).encode())])
    bad = {"kind": "rules", "version": 3, "body": {"version": 3, "rules": [{"id": "x", "when": "no_such > 1"}]}}
    job.produce(names.control, [(b"rules", json.dumps(bad).encode())])

    deadline = time.monotonic() + WITHIN_S
    reasons: list[list[str]] = []
    number = 0
    while not reasons and time.monotonic() < deadline:
        number += 1
        job.produce(names.transactions, [record(f"tiny-{number}", user_id="carol", amount=0.01)])
        time.sleep(1)
        alerts = [json.loads(message.value() or b"") for message in job.read(names.alerts)]
        reasons = [alert["reasons"] for alert in alerts if alert["user_id"] == "carol"]
    assert reasons
    assert reasons[0][0] == "RULE_TINY"
    refused = [dict(letter.headers() or ()) for letter in job.read(names.dead_letters)]
    assert [each["source.topic"].decode() for each in refused if each["reason"] == b"control_invalid"] == [
        names.control
    ]


def test_dead_letters_can_be_shown_and_replayed(job: LocalStack) -> None:
    names = job.settings.kafka.topics
    job.produce(names.transactions, [record("replayed", user_id="dave", timestamp="tomorrow")])
    letters = 0
    deadline = time.monotonic() + WITHIN_S
    while letters < 1 and time.monotonic() < deadline:
        shown = job.sentinel("dead-letters", "--reason", "time_unreadable", "--last", "5")
        letters = shown.count("'tomorrow'")
    assert letters
    reasons = [dict(letter.headers() or ())["reason"] for letter in job.read(names.dead_letters)]
    count = reasons.count(b"time_unreadable")

    printed = job.sentinel("dead-letters", "replay", "--reason", "time_unreadable")

    assert f"{count} dead letters replayed" in printed
    job.await_records(names.dead_letters, len(reasons) + count, WITHIN_S)


def test_the_minutes_of_the_metrics_add_up(job: LocalStack) -> None:
    names = job.settings.kafka.topics
    begun = round(time.time() * 1000) - 3_600_000
    # A silent shard or partition holds event time back until it is idle, so every partition gets the later minutes.
    users = [f"shopper-{number}" for number in range(40)]
    sent = [
        record(f"{user}-{minute}", user_id=user, merchant_id="market", amount=10.0, timestamp=begun + minute * 60_000)
        for minute in range(5)
        for user in users
    ]
    job.produce(names.transactions, sent)

    def rows_of(merchant: str | None) -> list[dict[str, Any]]:
        rows = [json.loads(message.value() or b"") for message in job.read(names.metrics)]
        return [row for row in rows if row["merchant_id"] == merchant]

    def is_complete() -> bool:
        return all(sum(row["amount"] for row in rows_of(merchant)) >= 10.0 * len(sent) for merchant in ("market", None))

    deadline = time.monotonic() + WITHIN_S
    while not is_complete() and time.monotonic() < deadline:
        # A minute of all merchants ends as event time goes on. The shard of this merchant is silent.
        job.produce(names.transactions, [record(f"{user}-{time.time()}", user_id=user) for user in users])
        time.sleep(2)
    of_market, of_all = rows_of("market"), rows_of(None)
    assert sum(row["amount"] for row in of_market) == pytest.approx(10.0 * len(sent))
    assert len({row["window_start"] for row in of_market}) == len(of_market), "a minute was written twice"
    assert sum(row["amount"] for row in of_all) >= 10.0 * len(sent), "all merchants"
    assert {frozenset(row) for row in of_all} == {frozenset(of_market[0])}
    assert all(row["transactions"] > 0 and row["window_start"].endswith(":00Z") for row in of_all)


def test_status_and_watch_show_the_job_and_its_alerts(job: LocalStack) -> None:
    names = job.settings.kafka.topics
    now = round(time.time() * 1000)
    tests = [record(f"test-{number}", user_id="erin", amount=1.0, timestamp=now + number) for number in range(3)]
    job.produce(names.transactions, [*tests, record("harvest", user_id="erin", amount=900.0, timestamp=now + 10)])

    def alerted() -> list[str]:
        return [json.loads(message.value() or b"")["transaction_id"] for message in job.read(names.alerts)]

    await_true(lambda: "harvest" in alerted(), WITHIN_S, "alerted")

    shown = job.sentinel("watch", "--from-beginning", "--limit", str(len(alerted())))
    status = job.sentinel("status")
    assert "PATTERN_CARD_TESTING" in shown
    assert "harvest" in shown
    assert "RUNNING" in status
    assert "taskmanager-2" in status


def test_a_record_that_no_dead_letter_can_hold_is_cut_and_the_job_goes_on(job: LocalStack) -> None:
    names, limit = job.settings.kafka.topics, job.settings.kafka.max_record_bytes
    just_fits = b'{"pad": "' + random.Random(1).randbytes(limit // 2 - 1_000).hex().encode() + b'"}'
    compresses_well = b'{"pad": "' + b"x" * (limit + 4 * MIB) + b'"}'
    # A producer's limit is of its own settings; the broker's is of the compressed batch.
    options = kafka_clients.client_properties(job.settings) | {
        "message.max.bytes": 4 * limit,
        "compression.type": "lz4",
    }
    producer = KafkaProducer(options)
    for value in (just_fits, compresses_well):
        producer.send(names.transactions, b"dora", value)
    producer.send(names.transactions, *record("after", user_id="dora"))
    producer.close()

    def cut() -> list[Message]:
        letters = job.read(names.dead_letters)
        return [letter for letter in letters if "truncated.bytes" in dict(letter.headers() or ())]

    await_true(lambda: len(cut()) == 2, WITHIN_S, "two dead letters that were cut")
    letters = cut()
    headers = [dict(letter.headers() or ()) for letter in letters]
    assert {each["reason"] for each in headers} == {b"oversized"}
    assert sorted(int(each["truncated.bytes"]) for each in headers) == sorted(map(len, (just_fits, compresses_well)))
    assert all(limit - MIB < len(letter.value() or b"") < limit for letter in letters)
    await_true(
        lambda: any(json.loads(one.value() or b"")["transaction_id"] == "after" for one in job.read(names.decisions)),
        WITHIN_S,
        "decided behind them",
    )
    job.await_checkpoints(2)
