"""What a model says in a decision, and what is decided without one."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from models.artefact import load
from models.scorer import Scorer
from tests.pipeline.models_by_hand import ExplainsEachAnotherWay, SuspectsLargeAmounts
from tests.pipeline.sent import alert, at, controlled, decide, paid, pipeline
from udfs.features.catalogue import FEATURE_NAMES, feature_hash

NO_RULES = controlled("rules", 1, {"version": 2, "rules": []})


def test_without_a_model_rules_decide_alone_and_the_decision_says_so() -> None:
    (decision,) = decide(pipeline(), paid("a", 20_000.0))
    assert (decision.action, decision.rules) == (
        "challenge",
        ["round_amount", "very_round_amount", "very_high_amount", "first_payment_high_amount"],
    )
    assert decision.degraded
    assert decision.model.fallback
    assert (decision.model.version, decision.model.score, decision.versions.model) == (None, None, None)


def test_with_a_model_nothing_is_degraded_and_its_version_stands_in_the_decision() -> None:
    (decision,) = decide(pipeline(model=SuspectsLargeAmounts()), paid("a", 20.0))
    assert not decision.degraded
    assert not decision.model.fallback
    assert (decision.model.version, decision.model.score) == ("by-hand-1", 0.02)
    assert decision.versions.model == "by-hand-1"


def test_a_model_that_is_sure_blocks_and_alerts_without_any_rule() -> None:
    one = pipeline(model=SuspectsLargeAmounts())
    assert decide(one, control=(NO_RULES,)) == []
    (raised,) = alert(one, paid("a", 480.0), paid("b", 20.0, 5))
    assert (raised.transaction_id, raised.action, raised.level, raised.rules) == ("a", "block", "critical", [])


def test_an_alert_gives_the_models_reasons_the_strongest_first_and_none_that_speak_against() -> None:
    one = pipeline(model=SuspectsLargeAmounts())
    decide(one, control=(NO_RULES,))
    (raised,) = alert(one, paid("a", 480.0))
    assert raised.reasons == ["MODEL_AMOUNT", "MODEL_MERCHANT_TRANSACTION_COUNT_5M", "MODEL_TIME_HOUR"]


def test_reasons_of_model_and_rules_stand_by_their_part_in_the_score() -> None:
    one = pipeline(model=SuspectsLargeAmounts())
    rule = {"id": "one", "when": "amount > 20", "reason": "ONE", "add": 0.3}
    decide(one, control=(controlled("rules", 1, {"version": 2, "rules": [rule]}),))
    (raised,) = alert(one, paid("a", 480.0))
    # The model's .95 by shares of 3.0, 1.5 and 0.5: .57, .285, .095; the rule's .3 between them.
    assert raised.reasons == ["MODEL_AMOUNT", "ONE", "MODEL_MERCHANT_TRANSACTION_COUNT_5M", "MODEL_TIME_HOUR"]


def test_the_score_of_model_and_rules_together_is_never_over_one() -> None:
    one = pipeline(model=SuspectsLargeAmounts())
    rule = {"id": "one", "when": "amount > 20", "reason": "ONE", "add": 0.3}
    decide(one, control=(controlled("rules", 1, {"version": 2, "rules": [rule]}),))
    small, large = decide(one, paid("a", 30.0), paid("b", 480.0, 5))
    assert small.score == pytest.approx(0.32)
    assert (large.score, large.model.score) == (1.0, 0.95)


def test_the_decision_and_its_alert_give_the_same_reasons() -> None:
    _, output = pipeline(model=SuspectsLargeAmounts()).process([paid("a", 480.0)], 1_767_300_000_000)
    (decision,), (raised,) = output.decisions.decisions, output.decisions.alerts
    assert decision.rstrip(b"}") in raised


def test_alerts_of_one_batch_give_the_reasons_that_they_give_one_by_one() -> None:
    # Of users and merchants that know nothing of each other; every second payment is no alert.
    records = [paid(f"p{i}", 480.0 + i if i % 2 else 20.0, i, user=f"user-{i}", merchant=f"shop-{i}") for i in range(6)]
    together = alert(pipeline(model=ExplainsEachAnotherWay()), *records)
    by_one = [raised for one in records for raised in alert(pipeline(model=ExplainsEachAnotherWay()), one)]
    assert [raised.transaction_id for raised in together] == ["p1", "p3", "p5"]
    assert [raised.reasons for raised in together] == [raised.reasons for raised in by_one]
    of_model = [[reason for reason in raised.reasons if reason.startswith("MODEL_")] for raised in together]
    assert of_model == [["MODEL_TIME_HOUR"], ["MODEL_AMOUNT"], ["MODEL_MERCHANT_TRANSACTION_COUNT_5M"]]


def test_the_shipped_model_decides() -> None:
    folder = Path(models.__file__).parent / "shipped"
    scorer = Scorer(load(folder, FEATURE_NAMES, feature_hash()))
    account = {"created_at": at(-1_000_000), "credit_limit": 3_000}
    lunch = paid("lunch", 20.0, card_present=True, account=account, device={"id": "phone"})
    (decision,) = decide(pipeline(model=scorer), lunch)
    assert decision.model.version == scorer.version
    assert decision.model.score is not None
    assert 0 <= decision.model.score < 0.5
