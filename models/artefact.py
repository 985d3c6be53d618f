"""A trained model on disk: a folder with the trees and their metadata.

``model.txt`` is LightGBM's text format, ``metadata.json`` is ``models.metadata.Metadata``. A folder is written
atomically, and ``load`` verifies it before it is used.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.lightgbm_text import ModelTextError, parse
from models.metadata import Metadata

MODEL_FILE = "model.txt"
METADATA_FILE = "metadata.json"
RETRAIN = "train it again with `python -m models.train FEATURES.parquet --out FOLDER`"


class ArtefactError(Exception):
    """A model folder cannot be used; the message names the file and the remedy."""


class Artefact(msgspec.Struct, frozen=True):
    """A trained or verified model: the text of its trees and its metadata."""

    model_text: str
    metadata: Metadata


def sha256_of(model_text: str) -> str:
    """Hash a model's text as the metadata records it; a hex digest."""
    return hashlib.sha256(model_text.encode()).hexdigest()


def write(artefact: Artefact, folder: Path) -> None:
    """Write an artefact to ``folder`` atomically.

    An existing model is replaced by two renames: between them there is no model, never a part of one.

    Raises:
        ArtefactError: ``folder`` holds something other than a model, or cannot be written.
    """
    if folder.exists() and not (folder / METADATA_FILE).is_file():
        raise ArtefactError(f"{folder} exists and holds no model: name another folder, or remove it first")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            fresh, old = Path(temporary) / "fresh", Path(temporary) / "old"
            fresh.mkdir()
            (fresh / MODEL_FILE).write_text(artefact.model_text, encoding="utf-8", newline="")
            (fresh / METADATA_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(artefact.metadata)) + b"\n")
            _replace_folder(fresh, folder, old)
    except OSError as error:
        raise ArtefactError(f"cannot write {folder}: {error.strerror}") from None


def _replace_folder(fresh: Path, folder: Path, old: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise


def load(folder: Path, feature_names: Sequence[str], feature_hash: str) -> Artefact:
    """Load a model, and verify that it belongs to the features that the caller computes.

    Args:
        folder: written by ``write``.
        feature_names: columns that the caller will pass, in order.
        feature_hash: hash of the definitions of these features.

    Raises:
        ArtefactError: a file is missing, damaged, or of a model for other features.
    """
    metadata = _read_metadata(folder / METADATA_FILE)
    _check_features(folder / METADATA_FILE, metadata, feature_names, feature_hash)
    model_text = _read(folder / MODEL_FILE).decode(errors="replace")
    _check_model(folder / MODEL_FILE, model_text, metadata)
    return Artefact(model_text, metadata)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"cannot read {file} ({error.strerror}): name a trained model's folder, or {RETRAIN}"
        ) from None


def _read_metadata(file: Path) -> Metadata:
    try:
        return msgspec.json.decode(_read(file), type=Metadata)
    except msgspec.DecodeError as error:
        raise ArtefactError(f"{file} is not a model's metadata ({error}): restore the folder, or {RETRAIN}") from None


def _check_features(file: Path, metadata: Metadata, names: Sequence[str], feature_hash: str) -> None:
    if metadata.feature_hash == feature_hash and metadata.feature_names == list(names):
        return
    raise ArtefactError(
        f"{file} belongs to other features (hash {metadata.feature_hash}, expected {feature_hash}"
        f"{_difference(metadata.feature_names, names)}): {RETRAIN} on a table built by this version"
    )


def _difference(model_names: Sequence[str], expected: Sequence[str]) -> str:
    missing = [name for name in expected if name not in model_names]
    unknown = [name for name in model_names if name not in expected]
    if missing:
        return f"; the model lacks {_shorten(missing)}"
    if unknown:
        return f"; the model also wants {_shorten(unknown)}"
    reordered = list(model_names) != list(expected)
    return "; the same names, in another order" if reordered else "; the same names, redefined"


def _shorten(names: Sequence[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def _check_model(file: Path, model_text: str, metadata: Metadata) -> None:
    if sha256_of(model_text) != metadata.model_sha256:
        raise ArtefactError(f"{file} is not the model its metadata describes: restore the folder, or {RETRAIN}")
    try:
        width = parse(model_text).width
    except ModelTextError as error:
        raise ArtefactError(f"{file} is not a LightGBM model that can be scored ({error}): {RETRAIN}") from None
    if width != len(metadata.feature_names):
        raise ArtefactError(
            f"{file} takes {width} features, its metadata names {len(metadata.feature_names)}: {RETRAIN}"
        )
