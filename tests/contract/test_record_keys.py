"""Java's source and Python's stages compute the same shard of a record key, however the key is written.

``SchemasTest.java`` reads the same table.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from udfs.records.normal_form import LONGEST_WRITTEN_BYTES, normal_key, normal_user
from udfs.stages.stage_message import shard_of, shard_of_key

ROOT = Path(__file__).resolve().parents[2]
KEYS = [
    (bytes.fromhex(key), int(shard))
    for key, shard in (
        line.split(" ")
        for line in (ROOT / "tests" / "contract" / "record_keys.txt").read_text().splitlines()
        if not line.startswith("#")
    )
]


@pytest.mark.parametrize(("key", "shard"), KEYS)
def test_the_table_that_java_agrees_with_holds_the_shards_of_python(key: bytes, shard: int) -> None:
    assert shard_of_key(key, 4) == shard


def test_the_limit_of_java_is_that_of_python() -> None:
    source = ROOT / "flink_jobs" / "java" / "src" / "main" / "java" / "sentinel" / "edge" / "EnvelopeDeserializer.java"
    assert f"LONGEST_WRITTEN_BYTES = {LONGEST_WRITTEN_BYTES};" in source.read_text()


@given(st.text(max_size=64), st.sampled_from(["NFC", "NFD"]))
@example("e\u0301" * 256, "NFD")
def test_the_shard_of_a_key_is_that_of_its_user(text: str, form: str) -> None:
    written = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert shard_of_key(written.encode(), 64) == shard_of(normal_user(text), 64)


@given(st.binary(max_size=64))
@example(b"\xed\xa0\x80")
def test_a_key_that_is_no_text_has_a_shard_as_well(key: bytes) -> None:
    assert 0 <= shard_of_key(key, 4) < 4
    assert normal_key(normal_key(key)) == normal_key(key)
