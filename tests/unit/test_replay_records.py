"""Rows of a file become records that the job accepts, and labels follow after their delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.replay.bad_rows import BadRow, FileError
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.mapping_file import load_mapping
from apps.replay.replaying import ReplayOptions, ReplayRecord, replay_records, send
from apps.replay.rows import RowFile, open_rows
from state.kernel.times import DAY_MS
from udfs.names import Topic
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.transaction import Location, Transaction, decode_transaction

FIRST_MS = 1_522_540_831_000  # 2018-04-01T00:00:31Z
HANDBOOK: dict[str, list[Any]] = {
    "TRANSACTION_ID": [0, 1, 2],
    "TX_DATETIME": [datetime(2018, 4, 1, 0, 0, 31), datetime(2018, 4, 1, 0, 2, 10), datetime(2018, 4, 9, 7, 56)],
    "CUSTOMER_ID": ["596", "4961", "596"],
    "TERMINAL_ID": ["3156", "3412", "3156"],
    "TX_AMOUNT": [57.16, 81.51, 146.0],
    "TX_TIME_SECONDS": ["31", "130", "719760"],
    "TX_FRAUD": [0, 1, 0],
    "TX_FRAUD_SCENARIO": [0, 1, 0],
}
SPARKOV: dict[str, list[Any]] = {
    "trans_date_trans_time": ["2019-01-01 00:00:18"],
    "cc_num": [2703186189652095],
    "merchant": ["fraud_Rippin, Kub and Mann"],
    "category": ["misc_net"],
    "amt": [4.97],
    "trans_num": ["0b242abb623afc578575680df30655b9"],
    "unix_time": [1546300818],
    "merch_lat": [36.011293],
    "merch_long": [-82.048315],
    "is_fraud": [0],
}


def parquet(folder: Path, columns: dict[str, list[Any]]) -> RowFile:
    """A Parquet file of columns."""
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    return open_rows(folder / "rows.parquet")


def json_lines(folder: Path, *lines: dict[str, Any]) -> RowFile:
    """A JSON Lines file of transactions; ``lines`` override fields of an ordinary one."""
    ordinary = {"user_id": "alice", "amount": 9.5, "currency": "EUR", "merchant_id": "shop", "timestamp": FIRST_MS}
    file = folder / "rows.jsonl"
    texts = [
        msgspec.json.encode({"transaction_id": f"p-{number}"} | ordinary | line) for number, line in enumerate(lines)
    ]
    file.write_bytes(b"\n".join(texts))
    return open_rows(file)


def accepted(record: ReplayRecord) -> Transaction | Label:
    """Decode a record as the job does; fails if the job refuses it."""
    decode = {Topic.TRANSACTIONS: decode_transaction, Topic.LABELS: decode_label}[record.topic]
    decoded = decode(record.value, record.key, record.time or 0, Limits(rates=None))
    assert isinstance(decoded, Transaction | Label), decoded
    return decoded


def replayed(file: RowFile, mapping: ColumnMapping, **options: Any) -> list[Transaction | Label]:
    return [accepted(record) for record in replay_records(file, mapping, ReplayOptions(**options))]


def ids(decoded: Sequence[Transaction | Label]) -> list[str]:
    return [f"{'label of ' if isinstance(one, Label) else ''}{one.transaction_id}" for one in decoded]


# The public data sets


def test_rows_of_the_handbook_become_payments_that_the_job_accepts(tmp_path: Path) -> None:
    first, second, _ = replayed(parquet(tmp_path, HANDBOOK), load_mapping("handbook"))
    assert first == Transaction(
        transaction_id="0",
        user_id="customer-596",
        amount=57.16,
        currency="EUR",
        merchant_id="terminal-3156",
        event_time=FIRST_MS,
    )
    assert (second.transaction_id, second.user_id) == ("1", "customer-4961")


def test_rows_of_sparkov_become_payments_that_the_job_accepts(tmp_path: Path) -> None:
    assert replayed(parquet(tmp_path, SPARKOV), load_mapping("sparkov")) == [
        Transaction(
            transaction_id="0b242abb623afc578575680df30655b9",
            user_id="card-2703186189652095",
            amount=4.97,
            currency="USD",
            merchant_id="fraud_Rippin, Kub and Mann",
            event_time=1_546_300_818_000,
            merchant_category="misc_net",
            location=Location(36.011293, -82.048315, "US"),
        )
    ]


@pytest.mark.parametrize(("name", "columns"), [("handbook", HANDBOOK), ("sparkov", SPARKOV)])
def test_the_job_accepts_the_labels_of_the_public_data_sets(
    name: str, columns: dict[str, list[Any]], tmp_path: Path
) -> None:
    mapping = load_mapping(name)
    decoded = replayed(parquet(tmp_path, columns), mapping, label_delay_ms=7 * DAY_MS)
    fraud = [one.fraud for one in sorted(_labels(decoded), key=lambda label: label.transaction_id)]
    assert fraud == [bool(value) for value in columns[mapping.label or ""]]


# Order, times and labels


def test_a_label_comes_between_the_payments_after_its_delay(tmp_path: Path) -> None:
    decoded = replayed(parquet(tmp_path, HANDBOOK), load_mapping("handbook"), label_delay_ms=7 * DAY_MS)
    assert ids(decoded) == ["0", "1", "label of 0", "label of 1", "2", "label of 2"]
    assert [(label.labelled_at - label.event_time, label.verdict, label.source) for label in _labels(decoded)] == [
        (7 * DAY_MS, "legitimate", "analyst"),
        (7 * DAY_MS, "fraud", "chargeback"),
        (7 * DAY_MS, "legitimate", "analyst"),
    ]


def test_without_a_delay_there_are_no_labels(tmp_path: Path) -> None:
    assert ids(replayed(parquet(tmp_path, HANDBOOK), load_mapping("handbook"))) == ["0", "1", "2"]


def test_the_number_of_rows_can_be_limited(tmp_path: Path) -> None:
    decoded = replayed(parquet(tmp_path, HANDBOOK), load_mapping("handbook"), limit=2, label_delay_ms=0)
    assert ids(decoded) == ["0", "label of 0", "1", "label of 1"]


def test_a_bad_row_after_the_limit_is_not_looked_at(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {}, {})
    file.path.write_bytes(file.path.read_bytes() + b"\n{\n{")
    assert ids(replayed(open_rows(file.path), ColumnMapping(), limit=2)) == ["p-0", "p-1"]


def test_a_shift_moves_all_times_so_that_the_age_of_an_account_stays(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"account": {"created_at": FIRST_MS - DAY_MS}, "fraud": True})
    mapping = ColumnMapping(label="fraud")
    payment, label = replayed(file, mapping, shift_ms=5 * DAY_MS, label_delay_ms=DAY_MS)
    assert isinstance(payment, Transaction)
    assert payment.account is not None
    assert (payment.event_time, payment.account.created_at) == (FIRST_MS + 5 * DAY_MS, FIRST_MS + 4 * DAY_MS)
    assert isinstance(label, Label)
    assert (label.event_time, label.labelled_at) == (FIRST_MS + 5 * DAY_MS, FIRST_MS + 6 * DAY_MS)


def test_a_label_has_the_device_of_the_payment(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"device": {"id": "phone-1"}, "fraud": True}, {"fraud": False})
    labels = _labels(replayed(file, ColumnMapping(label="fraud"), label_delay_ms=0))
    assert [label.device_id for label in labels] == ["phone-1", None]


@pytest.mark.parametrize(
    ("value", "fraud"),
    [
        (1, True),
        (0, False),
        (1.0, True),
        ("Yes", True),
        ("n", False),
        ("1", True),
        ("0", False),
        ("False", False),
        ("fraud", True),
    ],
)
def test_a_label_may_be_a_flag_a_number_or_a_word(value: object, fraud: bool, tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"was": value})
    (label,) = _labels(replayed(file, ColumnMapping(label="was"), label_delay_ms=0))
    assert label.fraud is fraud


def test_a_row_without_a_label_value_gets_no_label(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"was": True}, {"was": None}, {})
    assert ids(replayed(file, ColumnMapping(label="was"), label_delay_ms=0)) == ["p-0", "label of p-0", "p-1", "p-2"]


def test_an_unknown_label_value_is_refused_with_its_row(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"was": 1}, {"was": "perhaps"})
    with pytest.raises(FileError, match=r"row 2 \(line 2\), was: 'perhaps' is no label: it is one of 1, 1.0, true"):
        replayed(file, ColumnMapping(label="was"), label_delay_ms=0)


@pytest.mark.parametrize("column", [None, "TX_CHARGEBACK"])
def test_labels_without_a_column_are_refused_before_the_first_record(column: str | None, tmp_path: Path) -> None:
    mapping = replace(load_mapping("handbook"), label=column)
    with pytest.raises(MappingError, match="name one with --label-column"):
        next(replay_records(parquet(tmp_path, HANDBOOK), mapping, ReplayOptions(label_delay_ms=0)))


def test_a_mapping_of_another_data_set_is_refused_before_the_first_record(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="reads column 'trans_num'"):
        next(replay_records(parquet(tmp_path, HANDBOOK), load_mapping("sparkov"), ReplayOptions()))


def test_a_row_with_an_unreadable_value_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {}, {"timestamp": "yesterday"}, {"amount": "much"}, {})
    bad: list[BadRow] = []
    records = list(replay_records(file, ColumnMapping(), ReplayOptions(), bad.append))
    assert [accepted(record).transaction_id for record in records] == ["p-0", "p-3"]
    assert [(each.number, each.column, each.detail) for each in bad] == [
        (2, "timestamp", "'yesterday' is no time"),
        (3, "amount", "'much' is no number"),
    ]


def test_a_time_beyond_64_bits_is_a_bad_row_and_a_huge_amount_is_for_the_job_to_refuse(tmp_path: Path) -> None:
    good = '"transaction_id":"t","user_id":"u","currency":"EUR","merchant_id":"m"'
    big = 10**30
    lines = [
        f'{{{good},"amount":{big},"timestamp":{FIRST_MS}}}',
        f'{{{good},"amount":1,"timestamp":{big}}}',
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    bad: list[BadRow] = []
    file = open_rows(tmp_path / "rows.jsonl")
    (record,) = replay_records(file, ColumnMapping(), ReplayOptions(), bad.append)
    assert msgspec.json.decode(record.value)["amount"] == 1e30
    assert [(each.number, each.reason) for each in bad] == [(2, "value_unreadable")]


def test_a_time_of_0_is_a_time(tmp_path: Path) -> None:
    file = json_lines(tmp_path, {"timestamp": 1, "fraud": 0}, {"timestamp": 0, "fraud": 1})
    records = replay_records(file, ColumnMapping(label="fraud"), ReplayOptions(shift_ms=FIRST_MS, label_delay_ms=0))
    assert [record.time for record in records] == [FIRST_MS + 1, FIRST_MS, FIRST_MS, FIRST_MS + 1]


def test_a_row_without_a_user_is_sent_without_a_key(tmp_path: Path) -> None:
    (record,) = replay_records(json_lines(tmp_path, {"user_id": None}), ColumnMapping(), ReplayOptions())
    assert record.key is None


# Sending


class Recorder:
    """Stands in for a Kafka producer, and records what was sent and whether it was closed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []
        self.closed = False

    def send(self, topic: str, key: bytes | None, _value: bytes) -> None:
        self.sent.append((topic, key))

    def poll(self) -> None:
        """Every record is delivered."""

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("speedup", [None, 1e9])
def test_records_are_sent_to_the_real_topics_and_counted(speedup: float | None, tmp_path: Path) -> None:
    producer = Recorder()
    reported: list[int] = []

    def report(sent: Mapping[Topic, int]) -> None:
        reported.append(sent[Topic.TRANSACTIONS])

    found = replay_records(
        parquet(tmp_path, HANDBOOK), load_mapping("handbook"), ReplayOptions(limit=2, label_delay_ms=0)
    )
    topics = {Topic.TRANSACTIONS: "ours.payments", Topic.LABELS: "ours.truth"}
    counts = send(producer, topics, found, speedup, report)  # type: ignore[arg-type]
    assert counts == {Topic.TRANSACTIONS: 2, Topic.LABELS: 2}
    assert producer.sent == [
        ("ours.payments", b"customer-596"),
        ("ours.truth", b"customer-596"),
        ("ours.payments", b"customer-4961"),
        ("ours.truth", b"customer-4961"),
    ]
    assert producer.closed
    assert reported == [1, 1, 2, 2]


def _labels(decoded: Sequence[Transaction | Label]) -> list[Label]:
    return [one for one in decoded if isinstance(one, Label)]
