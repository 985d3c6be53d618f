"""Settings for another process, by a file that only this user reads: an environment is logged, and passed on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from flink_jobs.settings import Settings

SETTINGS_PREFIX = str(Settings.model_config["env_prefix"])
PRIVATE = 0o600


def environment_with(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """Make an environment in which ``load_settings`` reads this file and nothing else.

    Args:
        environment: whose other variables are kept.
        file: written by ``write`` or ``passed_on``.
    """
    others = {name: value for name, value in environment.items() if not name.upper().startswith(SETTINGS_PREFIX)}
    return others | {f"{SETTINGS_PREFIX}SETTINGS": str(file)}


def write(file: Path, settings: Settings) -> None:
    """Write settings to a file of mode 0600, from which ``load_settings`` returns exactly these."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        _dump(settings, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def passed_on(folder: Path, settings: Settings) -> Iterator[Path]:
    """Write settings to a file of mode 0600, which is deleted at the end.

    Args:
        folder: in which the file is made.
        settings: to be passed on, wherever they came from.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="settings-", suffix=".yaml", dir=folder)
    os.close(descriptor)
    try:
        write(Path(name), settings)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _dump(settings: Settings, descriptor: int) -> None:
    # Without the defaults: an older version of the job may not know every setting.
    os.write(descriptor, yaml.safe_dump(settings.model_dump(mode="json", exclude_defaults=True)).encode())
