"""Every peer of ``sentinel bench peers`` does the product's work: it decides as the stages in one process do."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import msgspec
import pytest

from apps.peers import all_peers
from apps.peers.work import stages
from apps.simulator.simulator import Options, Simulator
from apps.training.table import sealed
from tests.documents import ROOT
from udfs.decision import Decision

BATCH = 50
PAYMENTS = 600
OPTIONS = Options(users=40, merchants=12, fraud_rate=0.2)  # few, so that all of them come again

IN_PROCESS = sorted({peer.module for peer in all_peers() if not peer.uses_redis})


@cache
def sent() -> tuple[list[bytes], int]:
    """Records in order of event time, and the wall clock after them."""
    simulator = Simulator(OPTIONS)
    return [sealed(record) for record in simulator.block(PAYMENTS)], simulator.time


def decided(values: list[bytes]) -> dict[str, dict[str, object]]:
    """What is decided about each transaction; not when it was, and not how late."""
    decisions = [msgspec.json.decode(value, type=Decision) for value in values]
    assert len({each.transaction_id for each in decisions}) == len(decisions), "one transaction was decided twice"
    wanted = ("score", "action", "level", "model", "rules", "patterns", "reasons", "features")
    return {
        each.transaction_id: {name: msgspec.to_builtins(getattr(each, name)) for name in wanted} for each in decisions
    }


@cache
def by_the_stages() -> dict[str, dict[str, object]]:
    records, now_ms = sent()
    pipeline = stages()
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    return decided([one for batch in batches for one in pipeline.process(batch, now_ms)[1].decisions.decisions])


@pytest.mark.parametrize("module", IN_PROCESS)
def test_a_peer_decides_as_the_stages_do(module: str) -> None:
    records, now_ms = sent()
    assert decided(import_module(module).in_memory()(records, now_ms)) == by_the_stages()


def test_the_transactions_that_are_compared_have_all_there_is_to_decide() -> None:
    decisions = by_the_stages().values()
    assert {each["action"] for each in decisions} == {"approve", "monitor", "challenge", "block"}
    assert any(each["patterns"] for each in decisions)
    assert any(each["rules"] for each in decisions)


def test_every_file_with_a_program_is_in_the_catalogue() -> None:
    programs = {
        f"apps.peers.{file.stem}" for file in (ROOT / "apps" / "peers").glob("*.py") if "__main__" in file.read_text()
    }
    assert programs == {peer.module for peer in all_peers()}


def test_names_and_titles_of_peers_are_their_own() -> None:
    peers = all_peers()
    assert len({peer.name for peer in peers}) == len({peer.title for peer in peers}) == len(peers)
