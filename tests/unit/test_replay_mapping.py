"""A mapping says where each field of a transaction comes from, and a wrong one says what is to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.replay.mapping import ColumnMapping, MappingError, built_in_mappings, epoch_ms, load_mapping
from udfs.records.transaction import Account, Device, Location, Transaction

OWN = {
    "transaction_id": "p-1",
    "user_id": "alice",
    "amount": 12.5,
    "currency": "EUR",
    "merchant_id": "shop",
    "timestamp": 1_700_000_000_000,
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_MS = 1_767_268_800_000


def mapped(row: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    """What becomes of a row when its own columns and ``fields`` are mapped."""
    return ColumnMapping().with_fields(fields).compile(row)(row)


def fault(*fields: str, columns: Mapping[str, Any] = OWN) -> str:
    with pytest.raises(MappingError) as caught:
        ColumnMapping().with_fields(fields).compile(columns)
    return str(caught.value)


# What a field may come from


def test_columns_that_are_called_as_the_fields_need_no_mapping() -> None:
    assert mapped(OWN | {"favourite_colour": "red"}) == OWN


def test_every_field_that_a_transaction_has_can_be_mapped_also_within_its_parts() -> None:
    names = [each.encode_name for each in msgspec.structs.fields(Transaction)]
    parts: dict[str, Any] = {"location": Location, "device": Device, "account": Account}
    whole = [name for name in names if name not in parts]
    inner = [f"{part}.{each.encode_name}" for part, kind in parts.items() for each in msgspec.structs.fields(kind)]
    assert {"account.created_at", "account.credit_limit"} <= set(inner)
    for name in [*whole, *inner]:
        place: Any = mapped(OWN, f"{name}=amount")
        for step in name.split("."):
            place = place[step]
        assert str(place).startswith("12"), name


def test_account_fields_are_read_from_columns_of_their_own_names_too() -> None:
    row = OWN | {"account.created_at": NOON, "account.credit_limit": 900.0}
    assert mapped(row)["account"] == {"created_at": NOON_MS, "credit_limit": 900.0}


def test_a_text_may_hold_columns() -> None:
    assert mapped(OWN | {"card": 7, "bank": "B"}, "user_id={bank}-card-{card}")["user_id"] == "B-card-7"


@pytest.mark.parametrize(
    ("source", "value"), [("=EUR", "EUR"), ("=true", True), ("=1.5", 1.5), ('="7"', "7"), ("==", "=")]
)
def test_a_constant_is_json_where_it_is_json_and_text_otherwise(source: str, value: object) -> None:
    assert mapped(OWN, f"metadata.note={source}")["metadata"] == {"note": value}


def test_metadata_may_hold_anything() -> None:
    row = OWN | {"metadata.declined": True, "flag": 3}
    assert mapped(row, "metadata.more.flag=flag")["metadata"] == {"declined": True, "more": {"flag": 3}}


def test_a_source_that_is_given_wins_over_a_column_of_the_fields_own_name() -> None:
    assert mapped(OWN | {"net": 1.0}, "amount=net")["amount"] == 1.0


def test_what_is_given_last_wins_over_what_a_mapping_says_and_the_rest_stays() -> None:
    mapping = ColumnMapping({"amount": "gross", "currency": "=USD"}, "s", "was_fraud").with_fields(["amount=net"])
    assert mapping == ColumnMapping({"amount": "net", "currency": "=USD"}, "s", "was_fraud")


def test_ids_are_text_and_decimals_numbers() -> None:
    made = mapped(OWN | {"user_id": 17, "amount": Decimal("9.90"), "device.id": 4})
    assert (made["user_id"], made["amount"], made["device"]) == ("17", 9.9, {"id": "4"})


@pytest.mark.parametrize("source", ["card", "card-{card}"])
def test_what_a_row_leaves_empty_or_does_not_have_is_left_out(source: str) -> None:
    build = ColumnMapping().with_fields([f"device.id={source}"]).compile([*OWN, "card"])
    assert build(OWN | {"card": None}) == OWN
    assert build(OWN) == OWN


# Times


@pytest.mark.parametrize(
    ("value", "unit", "ms"),
    [
        (1_767_268_800, "s", NOON_MS),
        (1_767_268_800.25, "s", NOON_MS + 250),
        (NOON_MS, "ms", NOON_MS),
        (NOON_MS * 1_000, "us", NOON_MS),
        (NOON_MS * 1_000_000, "ns", NOON_MS),
        (Decimal("1767268800.5"), "s", NOON_MS + 500),
        (NOON, "ms", NOON_MS),
        (NOON.replace(tzinfo=None), "ms", NOON_MS),
        (date(2026, 1, 1), "ms", NOON_MS - 12 * 3_600_000),
        ("2026-01-01T13:00:00+01:00", "ms", NOON_MS),
    ],
)
def test_a_time_may_be_a_number_of_the_unit_a_date_or_text_with_a_zone(value: object, unit: Any, ms: int) -> None:
    assert epoch_ms(value, unit) == ms


@pytest.mark.parametrize("value", ["yesterday", "2026-01-01 12:00", float("nan"), float("inf")])
def test_what_is_no_time_stays_as_it_is_for_the_job_to_refuse(value: object) -> None:
    assert epoch_ms(value, "ms") == str(value)


# Faults


@pytest.mark.parametrize("text", ["amount", "=amount", "amount=", ""])
def test_a_text_that_maps_nothing_is_told_how_it_should_look(text: str) -> None:
    assert fault(text) == f"{text!r} maps nothing: write FIELD=COLUMN, such as user_id=CUSTOMER_ID"


@pytest.mark.parametrize("name", ["amont", "account", "account.colour", "metadata_x", "location"])
def test_a_field_that_a_transaction_does_not_have_is_named_with_those_it_has(name: str) -> None:
    message = fault(f"{name}=amount")
    assert message.startswith(f"a transaction has no field {name!r}; it has transaction_id, ")
    assert "account.created_at" in message
    assert message.endswith("metadata.*")


@pytest.mark.parametrize("source", ["total", "{total} units"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(source: str) -> None:
    assert fault(f"amount={source}") == f"amount reads column 'total'; the file has {', '.join(OWN)}"


def test_required_fields_without_a_source_are_named_all_at_once() -> None:
    columns = dict.fromkeys(("transaction_id", "amount", "currency", "timestamp", "who"))
    assert fault(columns=columns) == (
        "no source for user_id, merchant_id: map each to one of transaction_id, amount, currency, timestamp, who"
    )


def test_a_field_cannot_be_mapped_as_a_whole_and_in_parts() -> None:
    assert fault("metadata=amount", "metadata.a=amount") == (
        "both metadata and its nested field metadata.a have a source: map one of the two"
    )
    assert fault("metadata.a=amount", "metadata.a.b=amount").startswith(
        "both metadata.a and its nested field metadata.a.b have"
    )


# Files


def test_there_is_a_mapping_for_each_public_data_set() -> None:
    assert built_in_mappings() == ["handbook", "sparkov"]


def test_a_mapping_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("fields: {user_id: card, account.created_at: opened}\ntimestamp_unit: us\nlabel: bad\n")
    assert load_mapping(str(file)) == ColumnMapping({"user_id": "card", "account.created_at": "opened"}, "us", "bad")


def test_a_mapping_that_is_nowhere_is_told_with_those_there_are() -> None:
    with pytest.raises(
        MappingError, match=r"^nowhere is neither a mapping file nor a built-in mapping \(handbook, sparkov\)$"
    ):
        load_mapping("nowhere")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fields: {amount: a, amount", "while parsing"),
        ("- amount", "Expected `object`, got `array`"),
        ("", "Expected `object`, got `null`"),
        ("label: bad", "missing required field `fields`"),
        ("fields: {}\nunits: s", "unknown field `units`"),
        ("fields: {}\ntimestamp_unit: days", r"Invalid enum value 'days' - at `\$.timestamp_unit`"),
        ("fields: {amount: 3}", r"Expected `str`, got `int` - at `\$.fields"),
        ("fields: {amont: a}", "a transaction has no field 'amont'"),
    ],
)
def test_a_file_that_is_no_mapping_is_told_why(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(text)
    with pytest.raises(MappingError, match=why):
        load_mapping(str(file))


def test_a_file_that_is_no_text_is_no_mapping(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_bytes(b"fields: {\xff}")
    with pytest.raises(MappingError, match="is not a mapping"):
        load_mapping(str(file))
