"""A training table holds what the pipeline would have computed, and a model trained on it decides in the pipeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from apps.records import encode_source_record
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from apps.training.table import build_table
from models import artefact, feature_table, trainer
from models.feature_table import FeatureTable
from models.scorer import Scorer
from tests.pipeline.sent import RULES, decisions
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES, feature_hash
from udfs.names import Topic
from udfs.pipeline import Pipeline

OPTIONS = SimulatorOptions(seed=3, rate=0.02, users=150, merchants=60, fraud_rate=0.15)
ROWS, SKIPPED = 4_000, 1_000
TREES = 10


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("training") / "features.parquet"
    build_table(OPTIONS, ROWS, SKIPPED, written)
    return written


@pytest.fixture(scope="module")
def built(file: Path) -> FeatureTable:
    return feature_table.read(file)


@pytest.fixture(scope="module")
def records() -> list[SimulatedRecord]:
    """What the table was built from, and some more."""
    simulator = Simulator(OPTIONS)
    drawn: list[SimulatedRecord] = []
    while sum(record.topic == Topic.TRANSACTIONS for record in drawn) < ROWS + SKIPPED + 2_000:
        drawn += simulator.block(1_000)
    return drawn


def test_it_has_as_many_rows_as_were_asked_for_or_a_block_more(built: FeatureTable) -> None:
    assert ROWS <= len(built) < ROWS + 1_000


def test_its_columns_are_the_features_of_this_version(built: FeatureTable) -> None:
    assert built.feature_names == FEATURE_NAMES
    assert built.feature_hash == feature_hash()


def test_its_features_are_those_the_pipeline_computes_however_records_are_batched(
    built: FeatureTable, records: list[SimulatedRecord]
) -> None:
    pipeline = Pipeline(rules=RULES)
    computed = []
    for start in range(0, len(records), 37):
        batch = [encode_source_record(record.topic, record.key, record.value) for record in records[start : start + 37]]
        computed.append(pipeline.process(batch, records[-1].time)[1].features)
    rows = np.concatenate(computed)
    first = len(rows) - sum(record.time >= built.event_time[0] for record in records if record.topic == "transactions")
    np.testing.assert_allclose(built.features, rows[first : first + len(built)], rtol=1e-12)


def test_its_truth_is_the_simulators(built: FeatureTable, records: list[SimulatedRecord]) -> None:
    payments = [record for record in records if record.topic == Topic.TRANSACTIONS]
    first = next(place for place, record in enumerate(payments) if record.time == built.event_time[0])
    of_table = payments[first : first + len(built)]
    assert built.fraud.tolist() == [record.fraud is not None for record in of_table]
    assert built.event_time.tolist() == [record.time for record in of_table]
    assert built.user_id is not None
    assert built.user_id.tolist() == [record.key.decode() for record in of_table]


def test_what_may_be_absent_in_the_job_is_absent_somewhere_in_the_table(built: FeatureTable) -> None:
    # A feature that was never absent in training is taken for 0 where it is.
    missing = np.isnan(built.features).any(axis=0)
    declared = [bool(feature.absent) for feature in CATALOGUE]
    assert missing.tolist() == declared


def test_the_same_options_give_the_same_table(built: FeatureTable, tmp_path: Path) -> None:
    build_table(OPTIONS, ROWS, SKIPPED, tmp_path / "again.parquet")
    assert feature_table.read(tmp_path / "again.parquet").content_hash() == built.content_hash()


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[int] = []
    rows = build_table(OPTIONS, 1_000, 500, tmp_path / "short.parquet", told.append)
    assert told == sorted(told)
    assert told[-1] >= 1_500
    assert rows >= 1_000


def test_a_model_trained_on_it_decides_in_the_pipeline_and_finds_fraud(
    built: FeatureTable, records: list[SimulatedRecord], tmp_path: Path
) -> None:
    trained = trainer.train(built, 0, datetime(2026, 1, 2, tzinfo=UTC), trees=TREES)
    artefact.write(trained, tmp_path / "model")
    scorer = Scorer(artefact.load(tmp_path / "model", FEATURE_NAMES, feature_hash()))
    pipeline = Pipeline(model=scorer, rules=RULES)
    _, output = pipeline.process(
        [encode_source_record(record.topic, record.key, record.value) for record in records], records[-1].time
    )
    told = decisions(output)
    assert {decision.model.version for decision in told} == {trained.metadata.version}
    assert not any(decision.degraded for decision in told)
    fraud = {json.loads(record.value)["transaction_id"] for record in records if record.fraud}
    unseen = told[SKIPPED + len(built) :]
    scores = {
        kind: np.mean([d.model.score or 0.0 for d in unseen if (d.transaction_id in fraud) == kind])
        for kind in (True, False)
    }
    assert scores[True] > 0.5 > 0.1 > scores[False]
