"""The shipped model belongs to the features of this version, and scores as an analyst expects."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

import models
from apps.records import encode_source_record
from apps.simulator.simulator import Simulator, SimulatorOptions
from models.artefact import Artefact, load
from models.forest import Forest
from models.lightgbm_text import parse
from models.scorer import Scorer
from models.shapley import MAX_TABLE_BYTES, Explainer
from tests.pipeline.sent import at, decide, decisions, paid, pipeline
from udfs.features.catalogue import FEATURE_NAMES, feature_hash

ACCOUNT = {"created_at": at(-1_000_000), "credit_limit": 3_000}


@pytest.fixture(scope="module")
def shipped() -> Artefact:
    return load(Path(models.__file__).parent / "shipped", FEATURE_NAMES, feature_hash())


def score(shipped: Artefact, *records: bytes) -> float:
    """Score of the last payment of one user."""
    last_score = decide(pipeline(model=Scorer(shipped)), *records)[-1].model.score
    assert last_score is not None
    return last_score


def test_its_evaluation_is_good(shipped: Artefact) -> None:
    assert shipped.metadata.metrics.average_precision > 0.8
    assert shipped.metadata.metrics.brier_after_calibration < 0.01


def test_simulated_payments_are_scored_and_explained_as_by_lightgbm(shipped: Artefact) -> None:
    simulator, one = Simulator(SimulatorOptions(seed=77, rate=20.0)), pipeline(model=Scorer(shipped))
    batches = []
    for _ in range(3):
        records = simulator.block(500)
        batches.append(
            one.process(
                [encode_source_record(record.topic, record.key, record.value) for record in records], records[-1].time
            )[1].features
        )
    features = np.concatenate(batches)
    booster, trees = lightgbm.Booster(model_str=shipped.model_text), parse(shipped.model_text)
    assert Forest(trees).scores(features).tolist() == booster.predict(features, raw_score=True).tolist()
    expected = booster.predict(features, pred_contrib=True)[:, :-1]
    np.testing.assert_allclose(Explainer(trees).contributions(features), expected, rtol=0, atol=1e-9)


def test_its_tables_hold_most_leaves_within_the_limit_of_memory(shipped: Artefact) -> None:
    explainer = Explainer(parse(shipped.model_text))
    assert explainer.table_bytes < MAX_TABLE_BYTES
    assert explainer.untabulated < 0.05 * 1_500


def test_a_first_lunch_is_no_fraud(shipped: Artefact) -> None:
    lunch = paid("lunch", 14.5, card_present=True, account=ACCOUNT, device={"id": "phone"})
    assert score(shipped, lunch) < 0.5


def test_a_payment_with_the_required_fields_only_is_no_fraud(shipped: Artefact) -> None:
    assert score(shipped, paid("lunch", 14.5)) < 0.5


def test_a_job_without_history_does_not_suspect_every_user(shipped: Artefact) -> None:
    simulator, one = Simulator(SimulatorOptions(seed=1234, rate=0.3)), pipeline(model=Scorer(shipped))
    legitimate = suspected = 0
    for _ in range(5):
        records = simulator.block(1_000)
        fraud = {record.value for record in records if record.fraud}
        _, output = one.process(
            [encode_source_record(record.topic, record.key, record.value) for record in records], records[-1].time
        )
        for payment, decision in zip(output.payments, decisions(output), strict=True):
            legitimate += payment.value not in fraud
            suspected += payment.value not in fraud and (decision.model.score or 0.0) >= 0.7
    assert suspected < 0.01 * legitimate


def test_the_large_payment_after_card_testing_is_fraud(shipped: Artefact) -> None:
    usual = [paid(f"day{d}", 30.0, -1440 * d, account=ACCOUNT, device={"id": "phone"}) for d in range(20, 0, -1)]
    attack = [
        paid(f"p{i}", amount, 2 * i, merchant=f"shop-{i}", card_present=False, account=ACCOUNT, device={"id": "other"})
        for i, amount in enumerate((1.0, 0.8, 1.2, 0.5, 1.0, 480.0))
    ]
    assert score(shipped, *usual, *attack) > 0.7
