"""Names that outlive a process: adding one is safe, changing one is a migration and fails here.

Savepoints map state by uid and state name, consumers use topics and reason codes, and shards find entries by key.
"""

from __future__ import annotations

import inspect
from enum import StrEnum

import msgspec
import pytest

from state.store import changelog
from udfs import names
from udfs.pipeline import MemoryState

PROMISED: dict[str, dict[str, str]] = {
    "Topic": {
        "TRANSACTIONS": "transactions",
        "ACCOUNT_EVENTS": "account-events",
        "LABELS": "labels",
        "CONTROL": "control",
        "CONTROL_LOG": "control-log",
        "LISTS": "lists",
        "DECISIONS": "decisions",
        "ALERTS": "alerts",
        "DEAD_LETTERS": "dead-letters",
        "METRICS": "metrics",
    },
    "Refused": {
        "EMPTY": "empty",
        "OVERSIZED": "oversized",
        "NOT_UTF8": "not_utf8",
        "NOT_JSON": "not_json",
        "DUPLICATE_FIELD": "duplicate_field",
        "MISSING_FIELD": "missing_field",
        "WRONG_TYPE": "wrong_type",
        "NOT_FINITE": "not_finite",
        "AMOUNT_NEGATIVE": "amount_negative",
        "AMOUNT_ABSURD": "amount_absurd",
        "TIME_UNREADABLE": "time_unreadable",
        "TIME_OUT_OF_RANGE": "time_out_of_range",
        "TIME_IN_FUTURE": "time_in_future",
        "PLACE_OUT_OF_RANGE": "place_out_of_range",
        "IDENTIFIER_INVALID": "identifier_invalid",
        "ID_REUSED": "id_reused",
        "KEY_MISMATCH": "key_mismatch",
        "UNKNOWN_KIND": "unknown_kind",
        "CONTROL_INVALID": "control_invalid",
        "CONTROL_STALE": "control_stale",
        "LIST_ENTRY_INVALID": "list_entry_invalid",
        "LISTS_FULL": "lists_full",
    },
    "Uid": {
        "EVENTS": "events",
        "CONTROL": "control",
        "LISTS": "lists",
        "BATCH_BY_USER": "batch-by-user",
        "USER_STAGE": "user-stage",
        "BATCH_BY_DEVICE": "batch-by-device",
        "DEVICE_STAGE": "device-stage",
        "BATCH_BY_MERCHANT": "batch-by-merchant",
        "MERCHANT_STAGE": "merchant-stage",
        "TOTALS_OF_SUBTASK": "totals-of-subtask",
        "MINUTE_TOTALS": "minute-totals",
        "DECISIONS": "decisions",
        "ALERTS": "alerts",
        "DEAD_LETTERS": "dead-letters",
        "METRICS": "metrics",
    },
    "StateName": {
        "USER_PROFILES": "user-profiles",
        "DEVICE_PROFILES": "device-profiles",
        "MERCHANT_PROFILES": "merchant-profiles",
        "USER_LISTS": "user-lists",
        "DEVICE_LISTS": "device-lists",
        "MERCHANT_LISTS": "merchant-lists",
    },
    "ShardEntry": {
        "CLOCK": "\0clock",
        "CONTROL": "\0control",
        "PENDING_MATCHES": "\0waiting",
        "MINUTES": "\0minutes",
        "STREAM_TIME": "\0stream-time",
        "LISTS": "\0list-",
    },
    "Kind": {
        "TRANSACTION": "t",
        "ACCOUNT_EVENT": "e",
        "LABEL": "l",
        "CONTROL": "c",
        "LIST_ENTRY": "i",
    },
    "ListName": {"BLOCK": "block", "ALLOW": "allow", "WATCH": "watch", "SUPPRESS": "suppress"},
    "ListedEntity": {
        "USER": "user",
        "CARD": "card",
        "DEVICE": "device",
        "MERCHANT": "merchant",
        "COUNTRY": "country",
        "NETWORK": "network",
    },
}

DEFINED: dict[str, type[StrEnum]] = {
    name: kind
    for name, kind in inspect.getmembers(names, inspect.isclass)
    if issubclass(kind, StrEnum) and kind is not StrEnum
}

each_group = pytest.mark.parametrize("group", DEFINED.values(), ids=DEFINED)


@pytest.mark.parametrize("group", PROMISED)
def test_promised_names_are_unchanged(group: str) -> None:
    now = {member.name: member.value for member in DEFINED[group]}
    assert {name: now.get(name) for name in PROMISED[group]} == PROMISED[group]


@each_group
def test_the_names_of_a_group_are_distinct(group: type[StrEnum]) -> None:
    assert len({member.value for member in group}) == len(group.__members__)


def test_no_entry_of_a_shard_can_be_mistaken_for_a_profile() -> None:
    assert all(not entry.value.isprintable() for entry in names.ShardEntry)


def test_the_kind_of_a_record_is_one_letter() -> None:
    assert all(len(kind.value) == 1 for kind in names.Kind)


@pytest.mark.parametrize("group", [names.Topic, names.Uid, names.StateName, names.Refused])
def test_a_name_can_be_a_kafka_topic_a_directory_and_a_label_of_a_metric(group: type[StrEnum]) -> None:
    assert all(member.value.replace("-", "").replace("_", "").isalnum() for member in group)
    assert all(member.value == member.value.lower() for member in group)


def test_the_marks_of_a_changelog_and_of_a_profile_before_it_are_promised_to_savepoints() -> None:
    assert (changelog.CHANGELOG_KEY, changelog.SNAPSHOT_MARK) == ("\0changelog", b"\xfe")
    state = MemoryState()
    one = changelog.Changelog.of(state)
    written, truncated = one.roll({"alice": changelog.Change(b"payment", (b"beside",))}, truncate_before=0)
    assert written == {
        "\0changelog": msgspec.msgpack.encode([0, 1]),
        "\0changelog-0": msgspec.msgpack.encode([1, {"alice": [b"payment", [b"beside"]]}]),
    }
    assert truncated == []
    assert one.encode_snapshot(b"profile") == b"\xfe" + bytes(7) + b"\x01profile"
