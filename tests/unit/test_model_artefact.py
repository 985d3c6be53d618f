"""A model is loaded only if it is the one that was trained, for the features that are served."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models import artefact, feature_table, trainer
from models.artefact import Artefact, ArtefactError
from models.scorer import Scorer
from tests import feature_tables
from tests.feature_tables import FEATURE_HASH, NAMES


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    file = feature_tables.write(tmp_path_factory.mktemp("table"))
    return trainer.train(feature_table.read(file), 0, datetime(2026, 1, 2, tzinfo=UTC), trees=10)


@pytest.fixture
def folder(tmp_path: Path, trained: Artefact) -> Path:
    artefact.write(trained, tmp_path / "model")
    return tmp_path / "model"


def test_a_loaded_model_scores_as_the_trained_one(folder: Path, trained: Artefact) -> None:
    payments = np.array([[20.0, 1.0, 0.0, 12.0], [900.0, 8.0, np.nan, 3.0]])
    loaded = artefact.load(folder, NAMES, FEATURE_HASH)
    assert loaded == trained
    assert Scorer(loaded).score(payments).tolist() == Scorer(trained).score(payments).tolist()


def test_a_model_for_other_definitions_of_the_features_is_refused(folder: Path) -> None:
    with pytest.raises(ArtefactError, match=r"metadata\.json belongs to other features .*redefined"):
        artefact.load(folder, NAMES, "beef")


def test_columns_in_another_order_are_refused_even_under_the_same_hash(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="in another order"):
        artefact.load(folder, NAMES[::-1], FEATURE_HASH)


def test_a_new_feature_that_the_model_does_not_know_is_named(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="the model lacks user_country_is_new"):
        artefact.load(folder, [*NAMES, "user_country_is_new"], "beef")


def test_a_feature_that_is_no_longer_computed_is_named(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="the model also wants hour"):
        artefact.load(folder, NAMES[:3], "beef")


def test_a_changed_model_file_is_refused(folder: Path) -> None:
    model = folder / "model.txt"
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=0.5 ", 1))
    with pytest.raises(ArtefactError, match=r"model\.txt is not the model its metadata describes"):
        artefact.load(folder, NAMES, FEATURE_HASH)


def test_a_file_that_is_not_a_model_is_refused_although_its_hash_matches(folder: Path, trained: Artefact) -> None:
    (folder / "model.txt").write_text("hello")
    metadata = msgspec.structs.replace(trained.metadata, model_sha256=artefact.sha256_of("hello"))
    (folder / "metadata.json").write_bytes(msgspec.json.encode(metadata))
    with pytest.raises(ArtefactError, match="not a LightGBM model"):
        artefact.load(folder, NAMES, FEATURE_HASH)


@pytest.mark.parametrize("file", ["model.txt", "metadata.json"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ArtefactError, match=f"cannot read .*{file}"):
        artefact.load(folder, NAMES, FEATURE_HASH)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("feature_names", "amount"),
        ("calibration", {"scores": [1.0, 0.0], "probabilities": [0.1, 0.2]}),
        ("calibration", {"scores": [0.0, 1.0], "probabilities": [0.2, 0.1]}),
        ("calibration", {"scores": [0.0, 1.0], "probabilities": [0.2, 1.1]}),
        ("calibration", {"scores": [], "probabilities": []}),
        ("surprise", 1),
    ],
)
def test_invalid_metadata_is_refused(folder: Path, field: str, value: object) -> None:
    metadata = msgspec.json.decode((folder / "metadata.json").read_bytes())
    metadata[field] = value
    (folder / "metadata.json").write_bytes(msgspec.json.encode(metadata))
    with pytest.raises(ArtefactError, match=r"metadata\.json is not a model's metadata"):
        artefact.load(folder, NAMES, FEATURE_HASH)


def test_a_second_training_replaces_the_model_and_leaves_no_other_files(folder: Path, trained: Artefact) -> None:
    again = Artefact(
        trained.model_text, msgspec.structs.replace(trained.metadata, trained_at="2027-01-01T00:00:00+00:00")
    )
    artefact.write(again, folder)
    assert artefact.load(folder, NAMES, FEATURE_HASH) == again
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_without_a_model_is_never_replaced(tmp_path: Path, trained: Artefact) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ArtefactError, match="holds no model"):
        artefact.write(trained, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_failed_write_leaves_the_old_model_in_place(
    folder: Path, trained: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(ArtefactError, match="No space left on device"):
        artefact.write(trained, folder)
    monkeypatch.undo()
    assert artefact.load(folder, NAMES, FEATURE_HASH) == trained
