"""A training table has the features that the pipeline computes, and a model trained on it decides in the pipeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from apps.records import encode_source_record
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from apps.training.__main__ import app
from apps.training.table import build_table
from models import artefact, feature_table, trainer
from models.feature_table import FeatureTable
from models.scorer import Scorer
from tests.pipeline.sent import RULES, decisions
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES, feature_hash
from udfs.names import Topic
from udfs.pipeline import Pipeline

OPTIONS = SimulatorOptions(seed=3, rate=0.02, users=150, merchants=60, fraud_rate=0.15)
ROWS, WARM_UP = 4_000, 1_000
TREES = 10


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("training") / "features.parquet"
    build_table(OPTIONS, ROWS, WARM_UP, path)
    return path


@pytest.fixture(scope="module")
def built(file: Path) -> FeatureTable:
    return feature_table.read(file)


@pytest.fixture(scope="module")
def records() -> list[SimulatedRecord]:
    """Records from which the table was built, and later ones."""
    simulator = Simulator(OPTIONS)
    generated: list[SimulatedRecord] = []
    while sum(record.topic == Topic.TRANSACTIONS for record in generated) < ROWS + WARM_UP + 2_000:
        generated += simulator.block(1_000)
    return generated


def test_it_has_the_requested_number_of_rows_or_a_block_more(built: FeatureTable) -> None:
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


def test_its_labels_are_the_ground_truth_of_the_simulator(built: FeatureTable, records: list[SimulatedRecord]) -> None:
    payments = [record for record in records if record.topic == Topic.TRANSACTIONS]
    first = next(place for place, record in enumerate(payments) if record.time == built.event_time[0])
    of_table = payments[first : first + len(built)]
    assert built.fraud.tolist() == [record.fraud is not None for record in of_table]
    assert built.event_time.tolist() == [record.time for record in of_table]
    assert built.user_id is not None
    assert built.user_id.tolist() == [record.key.decode() for record in of_table]


def test_a_feature_that_may_be_missing_in_the_job_is_missing_in_some_row(built: FeatureTable) -> None:
    # A model reads a missing feature as 0 if it was never missing in training.
    missing = np.isnan(built.features).any(axis=0)
    declared = [bool(feature.absent) for feature in CATALOGUE]
    assert missing.tolist() == declared


def test_the_same_options_give_the_same_table(built: FeatureTable, tmp_path: Path) -> None:
    build_table(OPTIONS, ROWS, WARM_UP, tmp_path / "again.parquet")
    assert feature_table.read(tmp_path / "again.parquet").content_hash() == built.content_hash()


def test_it_reports_its_progress(tmp_path: Path) -> None:
    reported: list[int] = []
    rows = build_table(OPTIONS, 1_000, 500, tmp_path / "short.parquet", reported.append)
    assert reported == sorted(reported)
    assert reported[-1] >= 1_500
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
    decided = decisions(output)
    assert {decision.model.version for decision in decided} == {trained.metadata.version}
    assert not any(decision.degraded for decision in decided)
    fraud = {json.loads(record.value)["transaction_id"] for record in records if record.fraud}
    unseen = decided[WARM_UP + len(built) :]
    scores = {
        kind: np.mean([d.model.score or 0.0 for d in unseen if (d.transaction_id in fraud) == kind])
        for kind in (True, False)
    }
    assert scores[True] > 0.5 > 0.1 > scores[False]


def test_the_command_refuses_a_missing_folder_before_it_simulates(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "missing" / "features.parquet")])
    assert result.exit_code == 1
    assert result.output.strip() == (
        f"error: cannot write {tmp_path}/missing/features.parquet: {tmp_path}/missing is not a folder"
    )
