"""Every peer of ``sentinel bench peers`` makes the same decisions as the stages in one process."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import msgspec
import pytest

from apps.peers import all_peers
from apps.peers.work import stages
from apps.records import encode_source_record
from apps.simulator.simulator import Simulator, SimulatorOptions
from tests.documents import ROOT
from udfs.decision import Decision

BATCH = 50
PAYMENTS = 600
OPTIONS = SimulatorOptions(users=40, merchants=12, fraud_rate=0.2)  # few, so that every entity has a history

IN_PROCESS = sorted({peer.module for peer in all_peers() if not peer.uses_redis})


@cache
def sent() -> tuple[list[bytes], int]:
    """Encoded envelopes in order of event time, and a wall-clock time after them."""
    simulator = Simulator(OPTIONS)
    return [
        encode_source_record(record.topic, record.key, record.value) for record in simulator.block(PAYMENTS)
    ], simulator.time


def decided(values: list[bytes]) -> dict[str, dict[str, object]]:
    """Decision of each transaction by its id, without its time and lateness."""
    decisions = [msgspec.json.decode(value, type=Decision) for value in values]
    assert len({each.transaction_id for each in decisions}) == len(decisions), "one transaction was decided twice"
    wanted = ("score", "action", "level", "model", "rules", "patterns", "reasons", "features")
    return {
        each.transaction_id: {name: msgspec.to_builtins(getattr(each, name)) for name in wanted} for each in decisions
    }


@cache
def by_the_stages() -> dict[str, dict[str, object]]:
    """Decisions of the stages, in batches."""
    records, now_ms = sent()
    pipeline = stages()
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    return decided([one for batch in batches for one in pipeline.process(batch, now_ms)[1].decisions.decisions])


@pytest.mark.parametrize("module", IN_PROCESS)
def test_a_peer_decides_as_the_stages_do(module: str) -> None:
    records, now_ms = sent()
    assert decided(import_module(module).in_memory()(records, now_ms)) == by_the_stages()


def test_the_compared_transactions_cover_every_action_and_have_rules_and_patterns() -> None:
    decisions = by_the_stages().values()
    assert {each["action"] for each in decisions} == {"approve", "monitor", "challenge", "block"}
    assert any(each["patterns"] for each in decisions)
    assert any(each["rules"] for each in decisions)


def test_every_module_with_a_program_defines_peers() -> None:
    programs = {
        f"apps.peers.{file.stem}" for file in (ROOT / "apps" / "peers").glob("*.py") if "__main__" in file.read_text()
    }
    assert programs == {peer.module for peer in all_peers()}


def test_names_and_titles_of_peers_are_unique() -> None:
    peers = all_peers()
    assert len({peer.name for peer in peers}) == len({peer.title for peer in peers}) == len(peers)
