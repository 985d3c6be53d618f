"""Lists and suppressions in the decision: what they do, in which order, and what a restart keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.list_records import list_record, listed
from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, alert, at, decide, decisions, paid, pipeline, restarted
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.lists import entry_key
from udfs.names import ListedEntity
from udfs.pipeline import Pipeline
from udfs.rules import load_rules

PAYMENT: dict[str, Any] = {
    "card_id": "card-1",
    "device": {"id": "phone", "ip": "192.0.2.77"},
    "location": {"country": "FR"},
}
ENTITIES = {
    "user": "alice",
    "card": "card-1",
    "device": "phone",
    "merchant": "shop",
    "country": "FR",
    "network": "192.0.2.0/24",
}
each_entity = pytest.mark.parametrize("entity", ENTITIES)


def suspicious() -> Pipeline:
    """A pipeline whose model scores .95 from an amount of 400 on."""
    return pipeline(model=SuspectsLargeAmounts())


def test_every_kind_of_entity_is_tested() -> None:
    assert set(ENTITIES) == {entity.value for entity in ListedEntity}


@each_entity
def test_a_block_blocks_and_says_why(entity: str) -> None:
    one = pipeline()
    assert decide(one, paid("t1", 10.0, 1, **PAYMENT))[0].action == "approve"
    (decision,) = decide(one, listed("block", entity, ENTITIES[entity]), paid("t2", 10.0, 2, **PAYMENT))
    assert (decision.action, decision.lists) == ("block", (f"block:{entity}",))
    assert decision.reasons[0] == f"LIST_BLOCK_{entity.upper()}"
    assert decision.score >= Thresholds().block


@each_entity
def test_an_allow_wins_over_the_score_and_raises_no_alert(entity: str) -> None:
    one = suspicious()
    assert alert(one, paid("t1", 500.0, 1, **PAYMENT))
    output = one.process([listed("allow", entity, ENTITIES[entity]), paid("t2", 500.0, 2, **PAYMENT)], NOW_MS)[1]
    (decision,) = decisions(output)
    assert (decision.action, output.decisions.alerts) == ("approve", [])
    assert decision.score >= 0.95
    assert decision.reasons[0] == f"LIST_ALLOW_{entity.upper()}"


@each_entity
def test_a_watch_is_at_least_a_monitor(entity: str) -> None:
    one = pipeline()
    (decision,) = decide(one, listed("watch", entity, ENTITIES[entity]), paid("t1", 10.0, 1, **PAYMENT))
    assert (decision.action, decision.reasons[0]) == ("monitor", f"LIST_WATCH_{entity.upper()}")
    one = suspicious()
    (decision,) = decide(one, listed("watch", entity, ENTITIES[entity]), paid("t1", 500.0, 1, **PAYMENT))
    assert decision.action == "block"


@each_entity
def test_a_suppression_of_everything_silences_the_model(entity: str) -> None:
    one = suspicious()
    output = one.process([listed("suppress", entity, ENTITIES[entity]), paid("t1", 500.0, 1, **PAYMENT)], NOW_MS)[1]
    (decision,) = decisions(output)
    assert (decision.action, decision.score, output.decisions.alerts) == ("approve", 0.0, [])
    assert decision.model.score == 0.95
    assert decision.reasons == [f"LIST_SUPPRESS_{entity.upper()}"]


def test_a_suppression_silences_the_rules_that_it_names_and_no_others() -> None:
    rules = [{"id": name, "when": "amount > 100", "add": 0.4, "reason": name.upper()} for name in ("one", "two")]
    in_force = load_rules({"version": 1, "rules": rules}, FEATURE_NAMES)

    def decided(*silenced: str) -> tuple[list[str], float]:
        entry = listed("suppress", "user", "alice", rules=list(silenced))
        (decision,) = decide(pipeline(rules=in_force), entry, paid("t1", 200.0, 1))
        return decision.rules, decision.score

    assert decided("another") == (["one", "two"], 0.8)
    assert decided("one") == (["two"], 0.4)
    assert decided("model") == (["one", "two"], 0.8)
    assert decided() == ([], 0.0)


def test_a_block_wins_over_an_allow_except_for_a_customer_from_a_blocked_country() -> None:
    def action(block: str, allow: str, *, exceptions: bool = True) -> str:
        one = pipeline(list_exceptions=exceptions)
        entries = [listed(name, kind, ENTITIES[kind]) for name, kind in (("block", block), ("allow", allow))]
        return decide(one, *entries, paid("t1", 10.0, 1, **PAYMENT))[0].action

    excepted = {(block, allow) for block in ENTITIES for allow in ENTITIES if action(block, allow) == "approve"}
    assert excepted == {(many, payer) for many in ("country", "network") for payer in ("user", "card")}
    assert action("country", "user", exceptions=False) == "block"


def test_a_list_for_rules_is_named_and_decides_nothing() -> None:
    (decision,) = decide(pipeline(), listed("vip", "user", "alice"), paid("t1", 10.0, 1))
    assert (decision.action, decision.lists, decision.reasons) == ("approve", ("vip:user",), [])


def test_an_entry_holds_in_event_time_from_since_up_to_until() -> None:
    one = pipeline()
    decide(one, listed("block", "user", "alice", 2, until=at(4)))
    actions = [decide(one, paid(f"t{minute}", 10.0, minute))[0].action for minute in (1, 2, 3, 4, 5)]
    assert actions == ["approve", "block", "block", "approve", "approve"]


def test_a_late_payment_is_judged_by_its_own_time() -> None:
    one = pipeline()
    decide(one, listed("block", "user", "alice", 2), paid("t1", 10.0, 9))
    decide(one, listed("block", "user", "alice", 10, removed=True))
    assert decide(one, paid("t2", 10.0, 11))[0].action == "approve"
    late = decide(one, paid("t3", 10.0, 3))[0]
    assert (late.late, late.action) == (True, "block")


def test_a_tombstone_takes_an_entry_off_at_once() -> None:
    one = pipeline()
    decide(one, listed("block", "merchant", "shop"), listed("vip", "merchant", "shop"))
    decide(one, list_record(entry_key("merchant", "block", "shop"), None))
    assert decide(one, paid("t1", 10.0, 1))[0].lists == ("vip:merchant",)


def test_a_restart_keeps_every_entry() -> None:
    one = pipeline()
    decide(one, *(listed("block", entity, ENTITIES[entity]) for entity in ENTITIES))
    (decision,) = decide(restarted(one), paid("t1", 10.0, 1, **PAYMENT))
    assert decision.lists == tuple(sorted(f"block:{entity}" for entity in ENTITIES))


def test_an_expired_entry_leaves_the_state() -> None:
    one = pipeline()
    one.checkpoint(NOW_MS)
    empty = [set(state) for state in one.states]
    decide(one, *(listed("block", entity, ENTITIES[entity], until=at(5)) for entity in ENTITIES))
    decide(one, paid("t1", 10.0, 1, **PAYMENT))
    one.checkpoint(NOW_MS)
    grown = [{key for key in state if key.startswith("\0list-")} for state in one.states]
    assert all(grown)
    decide(one, paid("t2", 10.0, 300, **PAYMENT))
    decide(one, paid("t3", 10.0, 301, **PAYMENT))
    one.checkpoint(NOW_MS)
    left = [{key: value for key, value in state.items() if key.startswith("\0list-")} for state in one.states]
    assert all(value in (b"", b"\x90") for state in left for value in state.values()), (empty, left)


def test_a_record_without_its_own_key_is_refused() -> None:
    output = pipeline().process([list_record(b"user/block/bob", b"{}"), paid("t1", 10.0)], NOW_MS)[0]
    assert [letter.refusal.reason for letter in output.dead_letters] == ["list_entry_invalid"]
    assert output.transactions == 1


def test_more_shared_entries_than_the_settings_allow_are_refused() -> None:
    one = pipeline(shared_entries=2)
    records = [listed("block", "country", code) for code in ("FR", "DE", "IT", "FR")]
    output = one.process(records, NOW_MS)[0]
    assert [letter.refusal.reason for letter in output.dead_letters] == ["lists_full"]
