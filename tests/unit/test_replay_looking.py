"""What a mapping leaves open is found in the whole file and said; what can be read in two ways is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.replay.bad_rows import BadRow
from apps.replay.looking import look
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.replaying import ReplayOptions, ReplayRecord, replay_records
from apps.replay.rows import RowFile, open_rows
from udfs.records.limits import Limits
from udfs.records.transaction import Transaction, decode_transaction

NOON = "2026-01-01T12:00:00Z"
NOON_MS = 1_767_268_800_000
ROWS = 30_000


def csv(folder: Path, *rows: tuple[str, ...], columns: str = "amount;timestamp", delimiter: str = ";") -> RowFile:
    """A file of payments: amount and time of each."""
    lines = [f"transaction_id;user_id;merchant_id;currency;{columns}".replace(";", delimiter)]
    lines += [delimiter.join([f"t{number}", "u", "m", "EUR", *row]) for number, row in enumerate(rows)]
    file = folder / "rows.csv"
    file.write_text("\n".join(lines) + "\n")
    return open_rows(file)


def payments(file: RowFile, mapping: ColumnMapping | None = None) -> list[Transaction]:
    return [_accepted(record) for record in replay_records(file, mapping or ColumnMapping(), ReplayOptions())]


def _accepted(record: ReplayRecord) -> Transaction:
    decoded = decode_transaction(record.value, record.key, 4_000_000_000_000, Limits())
    assert isinstance(decoded, Transaction), decoded
    return decoded


@pytest.mark.parametrize(
    ("amounts", "read"),
    [
        (("12", "12.50"), (12.0, 12.5)),
        (("12", "12,50"), (12.0, 12.5)),
        (("1.234,50", "1.234"), (1234.5, 1234.0)),
        (("1,234.50", "1,234"), (1234.5, 1234.0)),
        (("1.234", "5"), (1.234, 5.0)),
        (("1.234.567", "1.234"), (1234567.0, 1234.0)),
    ],
)
def test_the_decimal_sign_is_found_in_the_numbers(amounts: tuple[str, ...], read: Any, tmp_path: Path) -> None:
    file = csv(tmp_path, *((amount, NOON) for amount in amounts))
    assert tuple(payment.amount for payment in payments(file)) == read


def test_a_number_that_can_be_read_in_two_ways_is_asked_for(tmp_path: Path) -> None:
    file = csv(tmp_path, *[("7", NOON)] * ROWS, ("1,234", NOON), *[("7", NOON)] * ROWS)
    with pytest.raises(MappingError, match="amount: '1,234' may have a decimal comma or thousands: say --decimal"):
        look(file, ColumnMapping())
    assert payments(file, ColumnMapping(decimal=","))[ROWS].amount == 1.234
    assert payments(file, ColumnMapping(decimal="."))[ROWS].amount == 1234


def test_one_decimal_comma_after_many_whole_numbers_is_found(tmp_path: Path) -> None:
    file = csv(tmp_path, *[("7", NOON)] * ROWS, ("12,50", NOON), *[("7", NOON)] * ROWS)
    assert look(file, ColumnMapping()).notes == ["amount: decimal comma (--decimal)"]
    assert payments(file)[ROWS].amount == 12.5


@pytest.mark.parametrize("last", ["12.50", "t12"])
def test_a_kind_of_value_that_comes_after_the_first_megabyte_is_read(last: str, tmp_path: Path) -> None:
    rows = [("7", NOON, "")] * ROWS
    file = csv(tmp_path, *rows, ("12.50", "2026-01-01T12:00:00.500Z", last), columns="amount;timestamp;device.id")
    payment = payments(file)[-1]
    assert (payment.amount, payment.event_time, payment.device_id) == (12.5, NOON_MS + 500, last)


@pytest.mark.parametrize(
    ("times", "note"),
    [
        (("1767268800", "1767268801"), "numbers in s since 1970"),
        (("1767268800000", "1767268801000"), "numbers in ms since 1970"),
        (("1767268800000000", "1767268801000000"), "numbers in us since 1970"),
        (("20260101120000", "20260101120001"), "times of the format %Y%m%d%H%M%S"),
        (("2026-01-01 12:00:00", "2026-01-01 12:00:01"), "times without a zone are read as UTC"),
        (("01.01.2026 12:00:00", "01.01.2026 12:00:01"), "times of the format %d.%m.%Y %H:%M:%S"),
        (("01/01/2026 12:00:00", "01/01/2026 12:00:01"), "times of the format %d/%m/%Y %H:%M:%S"),
        (("1/1/2026 12:00:00 PM", "01/01/2026 12:00:01 PM"), "times of the format %d/%m/%Y %I:%M:%S %p"),
        (("2026-1-1 12:00:00", "2026-1-1 12:00:01"), "times of the format %Y-%m-%d %H:%M:%S"),
    ],
)
def test_the_unit_or_format_of_times_is_found_and_said(times: tuple[str, ...], note: str, tmp_path: Path) -> None:
    file = csv(tmp_path, *(("7", each) for each in times))
    assert f"timestamp: {note}" in " ".join(look(file, ColumnMapping()).notes)
    assert [payment.event_time for payment in payments(file)] == [NOON_MS, NOON_MS + 1000]


def test_a_day_beyond_the_twelfth_decides_between_day_and_month(tmp_path: Path) -> None:
    file = csv(tmp_path, *[("7", "02/01/2026 12:00")] * ROWS, ("7", "13/01/2026 12:00"))
    assert "timestamp: times of the format %d/%m/%Y %H:%M (--time-format)" in look(file, ColumnMapping()).notes


def test_days_and_months_that_are_ambiguous_are_asked_for(tmp_path: Path) -> None:
    file = csv(tmp_path, ("7", "01/01/2026 12:00"), ("7", "02/01/2026 12:00"))
    with pytest.raises(MappingError, match="'02/01/2026 12:00' may be a time of %d/%m/%Y %H:%M or %m/%d/%Y %H:%M: say"):
        look(file, ColumnMapping())
    assert len(payments(file, ColumnMapping(time_format="%m/%d/%Y %H:%M"))) == 2


def test_a_row_that_does_not_fit_what_was_found_is_a_bad_row(tmp_path: Path) -> None:
    file = csv(tmp_path, *[("7.50", NOON)] * 3, ("7,50", NOON), ("7.50", "soon"))
    bad: list[BadRow] = []
    assert len(list(replay_records(file, ColumnMapping(), ReplayOptions(), bad.append))) == 3
    assert [(each.number, each.column) for each in bad] == [(4, "amount"), (5, "timestamp")]
