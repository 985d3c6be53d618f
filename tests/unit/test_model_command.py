"""The training command prints a summary, or one sentence that explains a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models import artefact
from models.train import app
from tests import feature_tables


@pytest.fixture
def features(tmp_path: Path) -> Path:
    return feature_tables.write(tmp_path)


def test_it_writes_a_model_and_prints_a_summary(features: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(features), "--out", str(tmp_path / "model"), "--trees", "5"])
    assert result.exit_code == 0, result.output
    version = artefact.load(tmp_path / "model", feature_tables.NAMES, feature_tables.FEATURE_HASH).metadata.version
    assert version in result.output
    assert "1,800 to fit, 600 to calibrate, 600 to test" in result.output


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "none.parquet"), "--out", str(tmp_path / "model")])
    assert result.exit_code == 1
    assert result.output.strip() == f"error: {tmp_path}/none.parquet does not exist: name a Parquet file of features"


def test_a_file_that_is_not_parquet_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "features.parquet"
    file.write_text("amount,label\n1,0\n")
    result = CliRunner().invoke(app, [str(file), "--out", str(tmp_path / "model")])
    assert result.exit_code == 1
    assert "cannot be read as Parquet" in result.output
    assert len(result.output.strip().splitlines()) == 1
