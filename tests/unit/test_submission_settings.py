"""Flink's client, which builds the job, loads exactly the settings of the command that submits it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.job.submission import settings_environment
from flink_jobs.settings import Settings, load_settings

CHANGED = Settings.model_validate(
    {
        "kafka": {"bootstrap_servers": "b1:9092,b2:9092", "topics": {"alerts": "fraud.alerts"}},
        "event_time": {"out_of_orderness_s": 2.5},
        "job": {"name": "nightly", "parallelism": 3, "decisions_exactly_once": True},
        "model": {"folder": "/models/a b"},
        "redis_url": "redis://:secret@host:6379/1",
        "stack": {"folder": "/tmp/stack"},
    }
)
WITH_PROPERTIES = Settings.model_validate({"kafka": {"properties": {"sasl.password": 'a"b=c'}}})


def use(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SENTINEL_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("settings", [Settings(), CHANGED, WITH_PROPERTIES], ids=["defaults", "changed", "properties"])
def test_settings_pass_through_the_environment_unchanged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    use(settings_environment({}, settings), monkeypatch)
    assert load_settings() == settings


def test_a_file_in_the_working_folder_adds_nothing_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentinel.yaml").write_text("kafka: {properties: {security.protocol: SSL}}\njob: {shards: 9}\n")
    use(settings_environment({}, CHANGED), monkeypatch)
    assert load_settings() == CHANGED


def test_variables_that_are_set_already_add_nothing_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"SENTINEL_JOB__PARALLELISM": "9", "SENTINEL_SETTINGS": "/nowhere.yaml", "PATH": "/bin"}
    made = settings_environment(environment, CHANGED)
    assert made["PATH"] == "/bin"
    use(made, monkeypatch)
    assert load_settings() == CHANGED
