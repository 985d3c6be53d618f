"""A damaged file is read, or refused with a sentence; whatever its bytes are, no other error comes out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from apps.replay.bad_rows import BadRows, FileError
from apps.replay.checking import job_check, rehearse
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.replaying import ReplayOptions, replay_records
from apps.replay.rows import open_rows
from udfs.records.limits import Limits

NOW_MS = 1_800_000_000_000
CSV = b"transaction_id,user_id,amount,currency,merchant_id,timestamp,location.country,card_present,was\n" + b"".join(
    b't%d,u%d,"1,%d.50",EUR,shop,2026-01-0%dT10:00:00Z,NA,yes,No\n' % (row, row, 100 + row, 1 + row % 9)
    for row in range(30)
)
JSON = b"".join(
    b'{"transaction_id":"t%d","user_id":%d,"amount":"12.5","currency":"EUR","merchant_id":"m","timestamp":1767268800%03d,'
    b'"location":{"country":"NA","latitude":1.5},"metadata":{"x":[1]},"was":0}\n' % (row, row, row)
    for row in range(30)
)
PIECES = (
    *(
        b'"',
        b"'",
        b",",
        b";",
        b"|",
        b"\t",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"{",
        b"}",
        b"[",
        b"-",
        b"0",
        b"true",
        b"null",
    ),
    *(
        b"9" * 20,
        b"9" * 400,
        b"9" * 5000,
        b"1e999",
        b"nan",
        b"1,234",
        b"1.234,5",
        b"13/01/2026",
        b"20260101",
        b"\\ud800",
    ),
)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("name", "text"), [("rows.csv", CSV), ("rows.txt", CSV), ("rows.jsonl", JSON)])
def test_a_damaged_file_is_read_or_refused_with_a_sentence(name: str, text: bytes, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    damaged = bytearray(text)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(damaged))
        damaged[place : place + chance.choice([0, 0, 1, 3, 20])] = chance.choice(PIECES)
    (tmp_path / name).write_bytes(damaged)
    bad = BadRows()
    try:
        file = open_rows(tmp_path / name)
        mapping = ColumnMapping(label="was")
        options = ReplayOptions(label_delay_ms=0, check=job_check(Limits(), NOW_MS, None))
        found = rehearse(replay_records(file, mapping, options, bad.add), None)
    except (FileError, MappingError) as error:
        assert str(error)
    else:
        assert found.payments + len(bad) > 0
        assert all(line.isprintable() for line in bad.lines())
