"""Dead letters are replayed once: what stays wrong does not double with each replay."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from typer.testing import CliRunner

from deploy.cli import app
from deploy.clients import consumer_lag, dead_letters, kafka_clients
from deploy.clients.dead_letters import DeadLetter, DeadLetterFilter, SentBefore, pending
from flink_jobs.settings import Settings


class Broker:
    """A topic of dead letters, a job that refuses every record again, and committed offsets."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.offsets: dict[str, dict[str, dict[int, int]]] = {}

    def refuse(self, source: str, key: bytes | None, value: bytes | None, *, cut: bool = False) -> None:
        place = (0, len(self.letters))
        self.letters.append(DeadLetter(key, value, "wrong_type", "", source, "0", "0", 0, place, cut))

    def read(self, _: Settings, selected: DeadLetterFilter) -> Iterator[DeadLetter]:
        return iter([letter for letter in self.letters if selected.accepts(letter)])

    def replay(self, _: Settings, letters: list[DeadLetter]) -> int:
        for letter in letters:
            self.refuse(letter.source, letter.key, letter.value)
        return len(letters)

    def committed(self, _: Settings, group: str) -> dict[str, dict[int, int]]:
        return self.offsets.get(group, {})

    def commit(self, _: object, group: str, offsets: list[TopicPartition]) -> None:
        for each in offsets:
            self.offsets.setdefault(group, {}).setdefault(each.topic, {})[each.partition] = each.offset


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(dead_letters, "read", found.read)
    monkeypatch.setattr(dead_letters, "replay", found.replay)
    monkeypatch.setattr(consumer_lag, "committed_offsets", found.committed)
    monkeypatch.setattr(kafka_clients, "commit", found.commit)
    monkeypatch.setattr(kafka_clients, "admin", lambda _: None)
    return found


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["dead-letters", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


def test_labels_that_stay_wrong_grow_by_themselves_with_each_replay_and_do_not_double(broker: Broker) -> None:
    for number in range(6):
        broker.refuse("labels", b"u", str(number).encode())
    counts = []
    for _ in range(5):
        run("replay", "--topic", "labels")
        counts.append(len(broker.letters))
    assert counts == [12, 18, 24, 30, 36]


def test_what_was_sent_with_one_filter_is_not_sent_with_another(broker: Broker) -> None:
    broker.refuse("labels", b"u", b"1")
    broker.refuse("transactions", b"u", b"2")
    sent = SentBefore(Settings())
    sent.add(DeadLetterFilter(source="labels"), [broker.letters[0]])
    for selected in (DeadLetterFilter(), DeadLetterFilter(reason="wrong_type")):
        found = pending(broker.read(Settings(), selected), SentBefore(Settings()))
        assert [letter.value for letter in found.letters] == [b"2"]
    assert len(pending(broker.letters, SentBefore(Settings(), again=True)).letters) == 2


def test_of_copies_of_one_record_only_the_latest_is_sent(broker: Broker) -> None:
    for value in (b"1", b"1", b"2", b"1"):
        broker.refuse("labels", b"u", value)
    found = pending(broker.letters, SentBefore(Settings()))
    assert (len(found.letters), found.copies) == (2, 2)
    assert ("2 dead letters would be replayed; 2 are earlier copies of the same records") in run("replay", "--dry-run")[
        1
    ]


def test_a_letter_that_holds_only_the_beginning_of_its_record_is_left_out_and_that_is_no_success(
    broker: Broker,
) -> None:
    broker.refuse("transactions", b"u", b"{", cut=True)
    code, shown = run("replay")
    assert code == 1
    assert "0 dead letters replayed" in shown
    assert "1 were too large and hold only the beginning" in shown
    assert len(broker.letters) == 1


def test_dead_letters_are_reported_as_json_as_well(broker: Broker) -> None:
    broker.refuse("labels", b"[/u]", b"\xff[/promo]")
    found = json.loads(run("--json")[1])
    assert found["counts"] == [{"topic": "labels", "reason": "wrong_type", "records": 1}]
    assert found["latest"][0]["value"] == "\\xff[/promo]"
