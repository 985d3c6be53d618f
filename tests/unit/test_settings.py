"""Settings come from one place in a known order, and what is wrong with them is said before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flink_jobs.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without settings, and an environment without any."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("SENTINEL_")]:
        monkeypatch.delenv(name)
    return tmp_path


def write(folder: Path, text: str, name: str = "sentinel.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


# Where they come from


def test_without_any_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert (settings.decision.block, settings.decision.alert) == (0.9, 0.7)


def test_the_file_in_the_working_folder_is_read(folder: Path) -> None:
    write(folder, "job: {parallelism: 3}\n")
    assert load_settings().job.parallelism == 3


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "job: {parallelism: 3, shards: 8}\n")
    monkeypatch.setenv("SENTINEL_JOB__PARALLELISM", "5")
    job = load_settings().job
    assert (job.parallelism, job.shards, job.merchant_shards) == (5, 8, 64)


def test_the_file_that_is_named_is_read_and_not_the_one_in_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "job: {parallelism: 3}\n")
    monkeypatch.setenv("SENTINEL_SETTINGS", str(write(folder, "job: {shards: 8}\n", "other.yaml")))
    job = load_settings().job
    assert (job.parallelism, job.shards) == (2, 8)


def test_an_empty_file_says_nothing(folder: Path) -> None:
    write(folder, "")
    assert load_settings() == Settings()


# What is wrong with them


def test_every_bad_value_is_named_at_once_wherever_it_came_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "event_time: {idle_partition_s: 0}\nkafka: {compression: rar}\n")
    monkeypatch.setenv("SENTINEL_JOB__PARALLELISM", "many")
    monkeypatch.setenv("SENTINEL_STACK__KAFKA_PORT", "70000")
    monkeypatch.setenv("SENTINEL_KAFK__PARTITIONS", "3")
    said = refusal()
    for fault in (
        "event_time.idle_partition_s",
        "kafka.compression",
        "job.parallelism",
        "'many'",
        "stack.kafka_port",
        "SENTINEL_KAFK__PARTITIONS",
    ):
        assert fault in said
    assert len(said.splitlines()) == 6


def test_bands_that_do_not_rise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_DECISION__BLOCK", "0.6")
    assert "monitor <= challenge <= block" in refusal()


@pytest.mark.parametrize("text", ["kafak: {partitions: 3}\n", "kafka: {partition: 3}\n"])
def test_an_unknown_key_of_the_file_is_refused(folder: Path, text: str) -> None:
    write(folder, text)
    assert "not permitted" in refusal()


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_KAFKA__PARTITION", "3")
    assert "kafka.partition:" in refusal()


def test_a_variable_of_an_unknown_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_KAFAK__PARTITIONS", "3")
    assert "SENTINEL_KAFAK__PARTITIONS: there is no such setting" in refusal()


def test_what_kubernetes_says_of_a_service_called_sentinel_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("SENTINEL_PORT_8081_TCP", "tcp://10.0.0.1:8081")
    assert load_settings() == Settings()


def test_a_variable_that_is_no_json_where_json_is_wanted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_KAFKA__PROPERTIES", "security.protocol=SSL")
    assert "kafka" in refusal()


@pytest.mark.parametrize(
    ("text", "said"),
    [("job: {parallelism: 3\n", "cannot be read"), ("- job\n", "no mapping"), ("job\n", "no mapping")],
)
def test_a_file_that_holds_no_settings_is_refused_by_its_name(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    assert "sentinel.yaml" in refusal()
    assert said in refusal()


def test_a_file_that_is_named_and_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_SETTINGS", "missing.yaml")
    assert refusal() == "SENTINEL_SETTINGS names missing.yaml, which does not exist"


def test_settings_do_not_change_once_they_are_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().job.parallelism = 9  # type: ignore[misc]


def test_a_variable_with_one_underscore_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTINEL_DECISION_BLOCK", "0.5")
    assert "SENTINEL_DECISION_BLOCK: write SENTINEL_DECISION__BLOCK, with two underscores" in refusal()
