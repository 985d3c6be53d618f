"""``sentinel lists`` and ``sentinel suppress``: what they send, refuse and show, beside a topic in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.clients import lists
from deploy.clients.list_file import SHOWN, read_file
from deploy.errors import OperationError
from udfs.lists import ListEntry, decode_entry
from udfs.names import ListedEntity

NOW_MS = 1_767_225_600_000
DEFAULTS = {"list": "block", "entity": "user", "reason": "a test", "author": "ann"}


class Message:
    """A record as Kafka's client gives it."""

    def __init__(self, key: bytes | None, value: bytes | None) -> None:
        self._key, self._value = key, value

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes | None, bytes | None]]:
    """The records of the topic; commands add to it."""
    records: list[tuple[bytes | None, bytes | None]] = []

    def send(_: object, sent: Any, report: Any = None) -> int:
        records.extend(sent)
        return len(records)

    def read_all(*_: object) -> Iterator[Message]:
        return (Message(key, value) for key, value in records)

    monkeypatch.setattr(lists, "send", send)
    monkeypatch.setattr(lists, "wait_until_read", lambda *_: 0.5)
    monkeypatch.setattr("deploy.clients.kafka_clients.read_all", read_all)
    return records


def run(*arguments: str) -> str:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments, catch_exceptions=False).output


def test_what_is_added_is_shown_until_it_is_removed(topic: list[Any]) -> None:
    assert "the job has read it" in run("lists", "add", "block", "device", " device-9 ", "--reason", "stolen")
    assert topic[0][0] == b"device/block/device-9"
    run("lists", "add", "vip", "user", "ann", "--reason", "key account", "--days", "7")
    topic.append((b"user/vip/ann", b"{"))  # the job refuses it, and so does the reader
    assert [json.loads(line)["id"] for line in run("lists", "show", "--json").splitlines()] == ["device-9", "ann"]
    assert [json.loads(line)["id"] for line in run("lists", "show", "--list", "vip", "--json").splitlines()] == ["ann"]
    run("lists", "remove", "block", "device", "device-9", "--reason", "found")
    assert "no such entries in force" in run("lists", "show", "--entity", "device")
    assert "removed" in run("lists", "show", "--entity", "device", "--all")
    topic.append((b"device/block/device-9", None))
    assert "no such entries" in run("lists", "show", "--entity", "device", "--all")


def test_a_suppression_ends_and_names_its_rules(topic: list[Any]) -> None:
    arguments = ("suppress", "user", "ann", "--reason", "called back", "--rule", "one", "--rule", "model")
    with pytest.raises(OperationError, match="a suppression ends"):
        run(*arguments)
    with pytest.raises(OperationError, match="sentinel suppress"):
        run("lists", "add", "suppress", "user", "ann", "--reason", "x")
    outcome = json.loads(run(*arguments, "--until", "2099-01-01T00:00:00+01:00", "--json"))
    assert (outcome["entries"], outcome["read_after_s"]) == (1, 0.5)
    entry = decode_entry(topic[0][1], topic[0][0])
    assert isinstance(entry, ListEntry)
    assert (entry.name, entry.rules, entry.until) == ("suppress", ("one", "model"), 4_070_905_200_000)


@pytest.mark.parametrize(
    ("entity", "entity_id", "key"),
    [
        ("country", "deu", b"country/block/DE"),
        ("network", "192.0.2.7", b"network/block/192.0.2.7/32"),
        ("network", "2001:DB8::/32", b"network/block/2001:db8::/32"),
        ("network", "192.0.2.7/24", b"use 192.0.2.0/24"),
        ("country", "Atlantis", b"is no country"),
        ("user", "a\tb", b"printed"),
    ],
)
def test_ids_are_put_into_their_normal_form_or_refused(
    topic: list[Any], entity: str, entity_id: str, key: bytes
) -> None:
    try:
        run("lists", "add", "block", entity, entity_id, "--reason", "x")
    except OperationError as error:
        assert key.decode() in str(error)
    else:
        assert topic[0][0] == key


def written(folder: Path, text: str) -> Path:
    file = folder / "entries.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_is_read_with_the_options_for_what_its_rows_do_not_say(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "\ufeffid,list,rules,until\nann,,,\nbob,suppress,one two,2099-01-01T00:00:00Z\ncarol,,,9999-12-31T00:00:00Z\n",
    )
    entries = [decode_entry(value, key) for key, value in read_file(file, DEFAULTS, NOW_MS)]
    assert entries == [
        ListEntry("block", ListedEntity.USER, "ann", NOW_MS),
        ListEntry("suppress", ListedEntity.USER, "bob", NOW_MS, 4_070_908_800_000, ("one", "two")),
        ListEntry("block", ListedEntity.USER, "carol", NOW_MS),
    ]


def test_bad_rows_are_named_and_nothing_is_sent(topic: list[Any], tmp_path: Path) -> None:
    rows = ["ann,", ",", "bob,yesterday", "carol,2001-01-01T00:00:00Z", "dan,,more", *["\u202e,"] * SHOWN]
    file = written(tmp_path, "\n".join(["id,until", *rows]))
    with pytest.raises(OperationError) as refused:
        run("lists", "import", str(file), "--list", "block", "--entity", "user", "--reason", "x")
    lines = str(refused.value).splitlines()
    assert f"{len(rows) - 1} rows are bad, so nothing was sent" in lines[0]
    assert [line.split(":")[0] for line in lines[1:5]] == ["  row 2", "  row 3", "  row 4", "  row 5"]
    assert lines[-1] == "  and 4 more"
    assert not topic


@pytest.mark.parametrize(
    ("text", "fault"), [("user\nann\n", "unknown columns user"), ("list\nblock\n", "no column id"), ("id\n", "no rows")]
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(OperationError, match=fault):
        read_file(written(tmp_path, text), DEFAULTS, NOW_MS)


def test_a_dry_run_sends_nothing(topic: list[Any], tmp_path: Path) -> None:
    file = written(tmp_path, "id\nann\n")
    arguments = ("lists", "import", str(file), "--list", "block", "--entity", "user", "--reason", "x")
    assert "1 entries could be sent" in run(*arguments, "--dry-run")
    assert not topic
    assert "1 entries sent" in run(*arguments)
    assert [key for key, _ in topic] == [b"user/block/ann"]
