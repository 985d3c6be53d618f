"""A model is trained on the past only, and the same table gives the same model."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models import feature_table, trainer
from models.artefact import Artefact
from models.feature_table import TableError
from models.scorer import Scorer
from tests import feature_tables

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def trained_from(file: Path, seed: int = 0) -> Artefact:
    return trainer.train(feature_table.read(file), seed, NOW, trees=20)


@pytest.fixture
def features(tmp_path: Path) -> Path:
    return feature_tables.write(tmp_path)


def test_fraud_scores_above_ordinary_payments(features: Path) -> None:
    model = trained_from(features)
    ordinary, attack = [20.0, 1.0, 0.0, 12.0], [200.0, 6.0, 4.0, 12.0]  # amount, count in 5 min, z-score, hour
    low, high = Scorer(model).score(np.array([ordinary, attack]))
    assert low < 0.1 < 0.5 < high
    assert model.metadata.metrics.auc > 0.85


def test_the_same_table_and_seed_give_the_same_model(features: Path) -> None:
    first, second = trained_from(features), trained_from(features)
    assert first == second
    assert first.metadata.version == second.metadata.version


def test_the_order_of_rows_in_the_file_does_not_matter(tmp_path: Path) -> None:
    data = feature_tables.columns()
    in_order = trained_from(feature_tables.write(tmp_path, data))
    shuffled = np.random.default_rng(7).permutation(len(data["label"]))
    out_of_order = trained_from(feature_tables.write(tmp_path, {name: data[name][shuffled] for name in data}))
    assert in_order == out_of_order


def test_one_changed_label_changes_the_data_hash(tmp_path: Path) -> None:
    data = feature_tables.columns()
    before = feature_table.read(feature_tables.write(tmp_path, data)).content_hash()
    data["label"][17] = ~data["label"][17]
    assert feature_table.read(feature_tables.write(tmp_path, data)).content_hash() != before


def test_the_test_slice_does_not_change_the_model(tmp_path: Path) -> None:
    data = feature_tables.columns()
    before = trained_from(feature_tables.write(tmp_path, data))
    last_fifth = slice(int(len(data["label"]) * 0.8), None)
    data["amount"][last_fifth] *= 1000
    data["label"][last_fifth] = ~data["label"][last_fifth]
    after = trained_from(feature_tables.write(tmp_path, data))
    assert after.metadata.version == before.metadata.version
    assert after.metadata.metrics.auc < 0.5 < before.metadata.metrics.auc


def test_payments_of_one_millisecond_stay_in_one_slice(tmp_path: Path) -> None:
    data = feature_tables.columns(1000)
    data["event_time"][550:650] = data["event_time"][550]
    rows = trained_from(feature_tables.write(tmp_path, data)).metadata.rows
    assert (rows.fit, rows.calibration, rows.test) == (550, 250, 200)


def test_calibration_brings_the_brier_score_down_when_frauds_were_oversampled(tmp_path: Path) -> None:
    data = feature_tables.columns(6000)
    legitimate = np.flatnonzero(~data["label"][:3600])
    keep = np.delete(np.arange(6000), legitimate[::2])  # the slice for fitting has twice the fraud rate
    metrics = trained_from(feature_tables.write(tmp_path, {n: c[keep] for n, c in data.items()})).metadata.metrics
    assert metrics.brier_after_calibration < metrics.brier_before_calibration


def test_without_users_there_is_no_card_precision(tmp_path: Path) -> None:
    data = feature_tables.columns()
    del data["user_id"]
    assert trained_from(feature_tables.write(tmp_path, data)).metadata.metrics.card_precision is None


def test_a_table_without_fraud_is_refused(tmp_path: Path) -> None:
    data = feature_tables.columns()
    data["label"][:] = False
    with pytest.raises(TableError, match="slice for fitting has 1800 payments with 0 frauds"):
        trained_from(feature_tables.write(tmp_path, data))


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="0 payments"):
        trained_from(
            feature_tables.write(tmp_path, {name: column[:0] for name, column in feature_tables.columns().items()})
        )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data.pop("hour"), "lacks the column 'hour'"),
        (lambda data: data.pop("label"), "lacks the column 'label'"),
        (lambda data: data.update(hour=np.array(["noon"] * 3000)), "'hour' holds string, not numbers"),
        (lambda data: data.update(label=np.arange(3000)), "must be true or false"),
        (lambda data: data.update(event_time=np.full(3000, 1.5)), "must be epoch milliseconds"),
    ],
)
def test_an_invalid_table_is_refused_with_the_reason(tmp_path: Path, spoil, message: str) -> None:
    data = feature_tables.columns()
    spoil(data)
    with pytest.raises(TableError, match=message):
        feature_table.read(feature_tables.write(tmp_path, data))


def test_a_table_that_does_not_declare_its_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="feature table builder"):
        feature_table.read(feature_tables.write(tmp_path, metadata={}))


def test_timestamps_are_read_as_milliseconds(tmp_path: Path) -> None:
    data = feature_tables.columns()
    milliseconds = data["event_time"]
    data["event_time"] = milliseconds.astype("datetime64[ms]").astype("datetime64[ns]")
    assert (feature_table.read(feature_tables.write(tmp_path, data)).event_time == milliseconds).all()


def declared(names: list[str]) -> dict[bytes, bytes]:
    """The metadata of a table with features of these names."""
    return {
        feature_table.NAMES_KEY: msgspec.json.encode(names),
        feature_table.HASH_KEY: feature_tables.FEATURE_HASH.encode(),
    }


@pytest.mark.parametrize("name", ["a:1", 'b"2"', "c[3]", "d,4", "{e}", "f g", "h\ti", "", "j\u00a0k"])
def test_a_feature_name_that_lightgbm_refuses_gets_a_sentence(name: str, tmp_path: Path) -> None:
    data = feature_tables.columns()
    data[name] = data.pop("hour")
    file = feature_tables.write(tmp_path, data, declared([*feature_tables.NAMES[:-1], name]))
    with pytest.raises(
        TableError, match=f"LightGBM refuses the feature name {re.escape(repr(name))}: rename the column"
    ):
        trained_from(file)


@pytest.mark.parametrize("name", ["label", "event_time", "user_id"])
def test_what_is_known_only_later_is_no_feature(name: str, tmp_path: Path) -> None:
    file = feature_tables.write(tmp_path, metadata=declared([*feature_tables.NAMES, name]))
    with pytest.raises(TableError, match=f"declares '{name}' as a feature"):
        feature_table.read(file)
