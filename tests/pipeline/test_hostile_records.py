"""Whatever is sent, the stages answer it: with a decision or a refusal, and honest payments beside it are untouched."""

from __future__ import annotations

import random

import pytest

from apps.reference.hostile_records import PREFIX, HostileRecord, HostileRecords
from tests.pipeline.sent import NOW_MS, at, decisions, paid, pipeline
from udfs.names import Kind
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.stream_time import SAMPLE

RECORDS = 1_500
FIRST = SAMPLE + 8
"""Honest payments before the first hostile record: until then nothing tells whose clock is right."""


def hostile(seed: int) -> list[HostileRecord]:
    records = HostileRecords(random.Random(seed), 64 * 1024)
    return [records.next(at(number / 500)) for number in range(RECORDS)]


def test_a_seed_repeats_its_records_and_every_kind_is_among_them() -> None:
    assert hostile(1) == hostile(1) != hostile(2)
    assert {record.kind for record in hostile(1)} == set(Kind)


@pytest.mark.parametrize("seed", range(4))
def test_honest_payments_are_decided_as_if_nothing_else_had_come(seed: int) -> None:
    honest = [paid(f"p{number}", 10.0, number / 2_000, user=f"user-{number % 7}") for number in range(400)]
    among, alone = pipeline(), pipeline()
    records = iter(hostile(seed))
    for number, payment in enumerate(honest):
        block = [next(records)] if number >= FIRST and number % 4 == 0 else []
        sent = [encode_envelope(Envelope(one.kind, 0, 0, one.key, one.value)) for one in block]
        users, output = among.process([*sent, payment], NOW_MS)
        (expected,) = decisions(alone.process([payment], NOW_MS)[1])
        (decision,) = [one for one in decisions(output) if not one.user_id.startswith(PREFIX)]
        assert decision == expected
        accepted = len(output.payments) - 1 + users.duplicates
        assert accepted + len(users.dead_letters) <= len(block)


@pytest.mark.parametrize("seed", range(4, 8))
def test_a_flood_of_hostile_records_gets_answers_and_no_exception(seed: int) -> None:
    one = pipeline()
    sent = [encode_envelope(Envelope(each.kind, 0, 0, each.key, each.value)) for each in hostile(seed)]
    for start in range(0, len(sent), 100):
        one.process(sent[start : start + 100], NOW_MS)
    one.checkpoint(NOW_MS)
    pipeline(states=one.states).process([paid("honest", 10.0)], NOW_MS)
