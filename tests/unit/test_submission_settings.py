"""Flink's client, which builds the job, loads exactly the settings of the command that submits it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from deploy.job import flink_client, settings_file
from deploy.secrets import hide, secret_values
from deploy.stack import flink_configuration
from flink_jobs.settings import Settings, SettingsError, load_settings

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
def test_settings_pass_through_the_file_unchanged(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with settings_file.passed_on(tmp_path, settings) as file:
        use(settings_file.environment_with({}, file), monkeypatch)
        assert load_settings() == settings


def test_a_file_in_the_working_folder_adds_nothing_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentinel.yaml").write_text("kafka: {properties: {security.protocol: SSL}}\njob: {shards: 9}\n")
    settings_file.write(tmp_path / "passed.yaml", CHANGED)
    use(settings_file.environment_with({}, tmp_path / "passed.yaml"), monkeypatch)
    assert load_settings() == CHANGED


def test_variables_that_are_set_already_add_nothing_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"SENTINEL_JOB__PARALLELISM": "9", "SENTINEL_SETTINGS": "/nowhere.yaml", "PATH": "/bin"}
    settings_file.write(tmp_path / "passed.yaml", CHANGED)
    made = settings_file.environment_with(environment, tmp_path / "passed.yaml")
    assert made["PATH"] == "/bin"
    use(made, monkeypatch)
    assert load_settings() == CHANGED


SECRET = "planted-7fd1"
PLANTED = Settings.model_validate(
    {
        "kafka": {
            "properties": {
                "sasl.jaas.config": f'org.Login required username="job" password="{SECRET}";',
                "ssl.key.password": f"{SECRET}-of-the-key",
                "ssl.truststore.type": "PEM",
            }
        },
        "redis_url": f"redis://:{SECRET}@host:6379/1",
    }
)
SPYING_CLIENT = """#!/bin/sh
env > "$FLINK_LOG_DIR/environment"
echo "$0" "$@" > "$FLINK_LOG_DIR/command"
stat -c %a "$SENTINEL_SETTINGS" > "$FLINK_LOG_DIR/mode"
cat "$SENTINEL_SETTINGS" > /dev/null && echo "Job has been submitted with JobID 0123456789abcdef0123456789abcdef"
"""


def test_no_file_variable_or_argument_of_a_submission_holds_a_secret_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "flink"
    for name in ("bin", "conf", "lib", "opt"):
        (home / name).mkdir(parents=True)
    (home / "bin" / "flink").write_text(SPYING_CLIENT)
    (home / "bin" / "flink").chmod(0o755)
    (home / "lib" / "flink.jar").touch()
    (home / "conf" / "log4j-cli.properties").write_text("rootLogger.level = INFO\n")
    monkeypatch.setenv("SENTINEL_REDIS_URL", PLANTED.redis_url)
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    folder = tmp_path / "stack"
    settings = PLANTED.model_copy(
        update={
            "flink": PLANTED.flink.model_copy(update={"home": home}),
            "stack": PLANTED.stack.model_copy(update={"folder": folder}),
        }
    )
    monkeypatch.setattr(flink_client, "PACKAGES", ())

    flink_client.run(settings, None, ["--python", "job.py"], tmp_path, local=False)

    assert (folder / "logs" / "mode").read_text().strip() == "600"
    assert "SENTINEL_SETTINGS=" in (folder / "logs" / "environment").read_text()
    assert "PythonEnvUtils" in (folder / "client-conf" / "log4j-cli.properties").read_text()
    holding = [file for file in folder.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert holding == []
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 for file in (folder / "logs").iterdir())


def test_the_client_does_not_log_its_environment() -> None:
    assert re.search(r"PythonEnvUtils\nlogger\.\w+\.level = WARN", flink_configuration.SILENCED)


def test_every_secret_of_the_settings_is_hidden_in_texts() -> None:
    secrets = secret_values(PLANTED)
    text = f"{PLANTED.kafka.properties} {SECRET} {PLANTED.redis_url} redis://user:another@host"
    shown = hide(text, secrets)
    assert SECRET not in shown
    assert "another" not in shown
    assert "PEM" in shown


@pytest.mark.parametrize(
    "values",
    [
        {"SENTINEL_KAFKA__PROPERTIES": f'["{SECRET}"]'},
        {"SENTINEL_KAFKA__PROPERTIES": f'{{"sasl.password": ["{SECRET}"]}}'},
        {"SENTINEL_KAFKA": f'"{SECRET}"'},
        {"SENTINEL_KAFKA__SASL_PASSWORD": SECRET},
        {"SENTINEL_KAFKA__PROPERTIES": f"{{'sasl.password': '{SECRET}'}}"},
        {"SENTINEL_DECISION": f'{{"block": 0.1, "monitor": 0.9, "sasl": "{SECRET}"}}'},
    ],
)
def test_a_message_about_wrong_settings_shows_no_secret(
    values: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use(values, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert SECRET not in str(caught.value)


def test_a_settings_file_that_is_no_yaml_is_reported_without_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sentinel.yaml").write_text(f"kafka:\n  properties: {{sasl.password: '{SECRET}\n")
    use({"SENTINEL_SETTINGS": str(tmp_path / "sentinel.yaml")}, monkeypatch)
    with pytest.raises(SettingsError, match=r"cannot be read: .* line \d") as caught:
        load_settings()
    assert SECRET not in str(caught.value)


OUTPUT = """Job submission
{0}
org.apache.flink.client.program.ProgramAbortException: java.lang.RuntimeException: Python process exits with code: 1
Caused by: java.lang.RuntimeException: Python process exits with code: 1
"""


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("stream-sentinel: the model in /m is damaged: train it again", "the model in /m is damaged: train it again"),
        ("stream-sentinel: settings are wrong:\n  job.shards: too many", "settings are wrong:\n  job.shards: too many"),
        ("Traceback\nValueError: no such thing", "ValueError: no such thing"),
        ("", "java.lang.RuntimeException: Python process exits with code: 1"),
    ],
)
def test_the_reason_for_which_a_job_is_not_submitted_is_that_of_the_job(printed: str, reason: str) -> None:
    assert flink_client.failure_cause(OUTPUT.format(printed)) == reason
