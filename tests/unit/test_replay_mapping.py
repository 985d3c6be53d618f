"""A mapping gives each field of a transaction a source; an invalid one is refused with what to change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.replay.mapping import ColumnMapping, MappingError, RowUnreadableError
from apps.replay.mapping_file import built_in_mappings, load_mapping
from apps.replay.text_format import TextFormat
from apps.replay.values import ValueFormat, ValueUnreadableError, reader_of
from udfs.records.readable import DERIVED
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
    """Transaction of a row, by columns of the fields' names and by assignments."""
    return ColumnMapping().with_fields(fields).compile(row)(row)


def error(*fields: str, columns: Mapping[str, Any] = OWN) -> str:
    with pytest.raises(MappingError) as caught:
        ColumnMapping().with_fields(fields).compile(columns)
    return str(caught.value)


# Sources


def test_columns_with_the_names_of_fields_need_no_mapping() -> None:
    assert mapped(OWN | {"favourite_colour": "red"}) == OWN


def test_every_field_of_a_transaction_can_be_mapped_also_nested_ones() -> None:
    names = [each.encode_name for each in msgspec.structs.fields(Transaction) if each.name not in DERIVED]
    nested: dict[str, Any] = {"location": Location, "device": Device, "account": Account}
    plain = [name for name in names if name not in nested]
    inner = [f"{parent}.{each.encode_name}" for parent, kind in nested.items() for each in msgspec.structs.fields(kind)]
    assert {"account.created_at", "account.credit_limit"} <= set(inner)
    for name in [*plain, *inner]:
        value: Any = mapped(OWN | {"one": 1}, f"{name}=one")
        for step in name.split("."):
            value = value[step]
        assert str(value) in ("1", "True"), name


@pytest.mark.parametrize("name", sorted(DERIVED))
def test_what_the_decoder_makes_cannot_be_mapped(name: str) -> None:
    with pytest.raises(MappingError, match="a transaction has no field"):
        mapped(OWN | {"one": 1}, f"{name}=one")


def test_nested_fields_are_read_from_columns_of_their_names() -> None:
    row = OWN | {"account.created_at": NOON, "account.credit_limit": 900.0}
    assert mapped(row)["account"] == {"created_at": NOON_MS, "credit_limit": 900.0}


def test_a_source_may_be_text_with_columns() -> None:
    assert mapped(OWN | {"card": 7, "bank": "B"}, "user_id={bank}-card-{card}")["user_id"] == "B-card-7"


@pytest.mark.parametrize(
    ("source", "value"), [("=EUR", "EUR"), ("=true", True), ("=1.5", 1.5), ('="7"', "7"), ("==", "=")]
)
def test_a_constant_is_parsed_as_json_or_else_text(source: str, value: object) -> None:
    assert mapped(OWN, f"metadata.note={source}")["metadata"] == {"note": value}


def test_metadata_may_have_any_fields() -> None:
    row = OWN | {"metadata.declined": "yes", "flag": 3}
    assert mapped(row, "metadata.more.flag=flag")["metadata"] == {"declined": True, "more": {"flag": 3}}


def test_a_source_overrides_a_column_of_the_fields_name() -> None:
    assert mapped(OWN | {"net": 1.0}, "amount=net")["amount"] == 1.0


def test_assignments_override_sources_of_a_mapping_and_keep_the_others() -> None:
    mapping = ColumnMapping({"amount": "gross", "currency": "=USD"}, "s", "was_fraud").with_fields(["amount=net"])
    assert mapping == ColumnMapping({"amount": "net", "currency": "=USD"}, "s", "was_fraud")


def test_ids_become_text_and_decimals_numbers() -> None:
    transaction = mapped(OWN | {"user_id": 17, "amount": Decimal("9.90"), "device.id": 4})
    assert (transaction["user_id"], transaction["amount"], transaction["device"]) == ("17", 9.9, {"id": "4"})


@pytest.mark.parametrize("source", ["card", "card-{card}"])
def test_a_field_that_is_empty_in_a_row_is_omitted(source: str) -> None:
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
def test_a_time_may_be_a_number_in_the_unit_a_date_or_text_with_a_zone(value: object, unit: Any, ms: int) -> None:
    assert reader_of("time", ValueFormat(timestamp_unit=unit))(value) == ms


@pytest.mark.parametrize(
    ("value", "values", "ms"),
    [
        ("2026-01-01 12:00", ValueFormat(), NOON_MS),
        ("2026-01-01 13:00", ValueFormat(time_zone="Europe/Berlin"), NOON_MS),
        (datetime(2026, 1, 1, 13), ValueFormat(time_zone="Europe/Berlin"), NOON_MS),
        ("01.01.2026 12:00", ValueFormat(time_format="%d.%m.%Y %H:%M"), NOON_MS),
        ("1767268800", ValueFormat(timestamp_unit="s"), NOON_MS),
        ("12", ValueFormat(timestamp_unit="h", time_origin_ms=NOON_MS - 12 * 3_600_000), NOON_MS),
        ("0", ValueFormat(), 0),
        (0, ValueFormat(timestamp_unit="s", time_origin_ms=NOON_MS), NOON_MS),
        (b"2026-01-01T12:00:00Z", ValueFormat(), NOON_MS),
    ],
)
def test_a_time_is_read_by_its_format_zone_and_origin(value: object, values: ValueFormat, ms: int) -> None:
    assert reader_of("time", values)(value) == ms


# Values


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12.50", ".", 12.5),
        ("$10.50", ".", 10.5),
        ("$-20.25", ".", -20.25),
        ("-$20.25", ".", -20.25),
        ("(20.25)", ".", -20.25),
        ("20.25-", ".", -20.25),
        ("1,234.50", ".", 1234.5),
        ("1,234", ".", 1234.0),
        ("1.234,50", ",", 1234.5),
        ("1.234.567", ",", 1234567.0),
        ("12,50 \u20ac", ",", 12.5),
        ("EUR 1\u202f234,5", ",", 1234.5),
        ("1'234.50 CHF", ".", 1234.5),
        ("+7", ".", 7.0),
        ("1e3", ".", 1000.0),
    ],
)
def test_a_number_may_have_a_currency_a_sign_and_groups(text: str, decimal: Any, number: float) -> None:
    assert reader_of("number", ValueFormat(decimal=decimal))(text) == number


@pytest.mark.parametrize(
    ("kind", "value", "decimal"),
    [
        *(("number", each, ".") for each in ("12,50", "1,23,4", "12.5O", "0x1F", "1_000", "1e999", "inf")),
        ("number", True, "."),
        ("number", [1], "."),
        *(("number", each, ",") for each in ("12.50", "1.23,4", "1,234.50")),
        ("number", float("inf"), "."),
        ("number", 10**400, "."),
        ("number", Decimal("Infinity"), "."),
        ("flag", "perhaps", "."),
        ("flag", 2, "."),
        *(("time", each, ".") for each in ("yesterday", "2026-13-01", "9" * 400)),
        ("time", float("inf"), "."),
        ("time", True, "."),
        ("time", {}, "."),
        ("text", [1], "."),
        ("text", b"\xff", "."),
        ("text", 1e17, "."),
        ("any", float("inf"), "."),
    ],
)
def test_a_value_of_another_type_is_refused_and_quoted(kind: Any, value: object, decimal: Any) -> None:
    with pytest.raises(ValueUnreadableError):
        reader_of(kind, ValueFormat(decimal=decimal))(value)


@pytest.mark.parametrize("kind", ["number", "flag", "time"])
@pytest.mark.parametrize("word", ["", " ", "NA", "NaN", "null", r"\N", "n/a", "-", None, float("nan")])
def test_words_for_nothing_are_nothing_where_a_number_a_flag_or_a_time_is_expected(kind: Any, word: object) -> None:
    assert reader_of(kind, ValueFormat())(word) is None


def test_text_stays_text_except_words_that_are_given() -> None:
    assert reader_of("text", ValueFormat())("NA") == "NA"
    assert reader_of("text", ValueFormat())("007") == "007"
    assert reader_of("text", ValueFormat(null_words=frozenset(["NULL"])))("NULL") is None


def test_a_whole_number_that_was_stored_as_a_float_is_an_id_without_a_fraction() -> None:
    assert mapped(OWN | {"user_id": 4711.0})["user_id"] == "4711"


def test_metadata_can_be_given_types() -> None:
    mapping = ColumnMapping(types={"metadata.score": "number"})
    row = OWN | {"metadata.score": "0.5", "metadata.note": "7", "metadata.declined": "0"}
    assert mapping.compile(row)(row)["metadata"] == {"score": 0.5, "note": "7", "declined": False}


def test_a_value_that_cannot_be_read_is_named_with_its_source() -> None:
    with pytest.raises(RowUnreadableError, match="'much' is no number") as caught:
        mapped(OWN | {"price": "much"}, "amount=price")
    assert caught.value.column == "price"


# Errors


@pytest.mark.parametrize("text", ["amount", "=amount", "amount=", ""])
def test_a_malformed_assignment_is_refused_with_an_example(text: str) -> None:
    assert error(text) == f"{text!r} maps nothing: write FIELD=COLUMN, such as user_id=CUSTOMER_ID"


@pytest.mark.parametrize("name", ["amont", "account", "account.colour", "metadata_x", "location"])
def test_an_unknown_field_is_refused_with_the_known_ones(name: str) -> None:
    message = error(f"{name}=amount")
    assert message.startswith(f"a transaction has no field {name!r}; it has transaction_id, ")
    assert "account.created_at" in message
    assert message.endswith("metadata.*")


@pytest.mark.parametrize("source", ["total", "{total} units"])
def test_an_unknown_column_is_refused_with_the_known_ones(source: str) -> None:
    assert error(f"amount={source}") == f"amount reads column 'total'; the file has {', '.join(OWN)}"


def test_all_required_fields_without_a_source_are_named() -> None:
    columns = dict.fromkeys(("transaction_id", "amount", "currency", "timestamp", "who"))
    assert error(columns=columns) == (
        "no source for user_id, merchant_id: map each to one of transaction_id, amount, currency, timestamp, who"
    )


def test_a_field_and_its_nested_field_cannot_both_be_mapped() -> None:
    assert error("metadata=amount", "metadata.a=amount") == (
        "both metadata and its nested field metadata.a have a source: map one of the two"
    )
    assert error("metadata.a=amount", "metadata.a.b=amount").startswith(
        "both metadata.a and its nested field metadata.a.b have"
    )


# Files


def test_there_is_a_mapping_for_each_public_data_set() -> None:
    assert built_in_mappings() == ["creditcard", "handbook", "ieee-cis", "paysim", "sparkov", "tabformer"]


def test_a_mapping_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("fields: {user_id: card, account.created_at: opened}\ntimestamp_unit: us\nlabel: bad\n")
    assert load_mapping(str(file)) == ColumnMapping({"user_id": "card", "account.created_at": "opened"}, "us", "bad")


def test_a_mapping_may_say_how_the_file_is_written(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "fields: {user_id: card}\ndelimiter: tab\nquote: none\nencoding: cp1252\ndecimal: ','\nnull_words: [NULL]\n"
        "time_format: '%d.%m.%Y'\ntime_zone: Europe/Berlin\ntime_origin: 2026-01-01T12:00:00Z\n"
        "types: {metadata.score: number}\n"
    )
    assert load_mapping(str(file)) == ColumnMapping(
        {"user_id": "card"},
        types={"metadata.score": "number"},
        text_format=TextFormat("tab", "none", "cp1252"),
        decimal=",",
        null_words=frozenset(["null", "NULL", "Null"]),
        time_format="%d.%m.%Y",
        time_zone="Europe/Berlin",
        time_origin_ms=NOON_MS,
    )


def test_an_unknown_mapping_is_refused_with_the_built_in_ones() -> None:
    with pytest.raises(
        MappingError, match=r"^nowhere is neither a mapping file nor a built-in mapping \(creditcard, handbook, .*\)$"
    ):
        load_mapping("nowhere")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fields: {amount: a, amount", "while parsing"),
        ("- amount", "Expected `object`, got `array`"),
        ("", "Expected `object`, got `null`"),
        ("label: bad", "missing required field `fields`"),
        ("fields: {}\nunits: s", "unknown field `units`"),
        ("fields: {}\ntimestamp_unit: weeks", r"Invalid enum value 'weeks' - at `\$.timestamp_unit`"),
        ("fields: {}\ntime_zone: Mars", "there is no time zone 'Mars'"),
        ("fields: {}\ntypes: {amount: text}", "the type of amount is fixed"),
        ("fields: {amount: 3}", r"Expected `str`, got `int` - at `\$.fields"),
        ("fields: {amont: a}", "a transaction has no field 'amont'"),
    ],
)
def test_an_invalid_mapping_file_is_refused_with_the_reason(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(text)
    with pytest.raises(MappingError, match=reason):
        load_mapping(str(file))


def test_a_binary_file_is_not_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_bytes(b"fields: {\xff}")
    with pytest.raises(MappingError, match="is not a mapping"):
        load_mapping(str(file))
