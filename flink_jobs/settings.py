"""The settings object: every field with its unit and default, read from YAML and the environment.

Order of precedence: environment (``SENTINEL_KAFKA__BOOTSTRAP_SERVERS=...``), then the YAML file named by
``SENTINEL_SETTINGS`` (or ``sentinel.yaml`` in the working directory when it is there), then the defaults below.
"""

from __future__ import annotations

import os
import re
import warnings
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError as UnreadableVariableError

from udfs.names import Kind, Topic
from udfs.records.limits import Limits
from udfs.records.rates import RATES, Rates

Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]
Milliseconds = Annotated[int, Field(ge=0, le=9_999)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

MAXIMUM_TRANSACTION_TIMEOUT_S = 900  # the broker's transaction.max.timeout.ms default


RENAMED_JOB_SETTINGS = {"gather_ms": "mini_batch_ms", "regather_ms": "downstream_mini_batch_ms"}
"""Old names of settings in the section ``job``, and their names now."""


_KEY_BYTES = 32
_TWO_PERSONS = 2
DECISION_BYTES = 2 * 1024 * 1024
"""More than the largest decision: the ids of 5,000 rules."""


class SettingsError(Exception):
    """A setting is missing or out of range; the message names each one and where it came from."""


_SECRET = re.compile(r"passw|secret|jaas|token|credential|\bkey\b|keystore\.key|private", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a property of this name holds a secret, such as ``sasl.jaas.config`` or ``ssl.key.password``."""
    return not name.endswith((".location", ".type")) and _SECRET.search(name) is not None


@contextmanager
def quiet() -> Iterator[None]:
    """Read settings again without repeating the warnings of the first time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TopicNames(_Section):
    """Names of the topics on this Kafka."""

    transactions: str = Topic.TRANSACTIONS.value
    account_events: str = Topic.ACCOUNT_EVENTS.value
    labels: str = Topic.LABELS.value
    control: str = Topic.CONTROL.value
    control_log: str = Topic.CONTROL_LOG.value
    lists: str = Topic.LISTS.value
    decisions: str = Topic.DECISIONS.value
    alerts: str = Topic.ALERTS.value
    dead_letters: str = Topic.DEAD_LETTERS.value
    metrics: str = Topic.METRICS.value

    def of_kind(self, kind: Kind) -> str:
        """The topic whose records are of this kind."""
        topics = {
            Kind.TRANSACTION: self.transactions,
            Kind.ACCOUNT_EVENT: self.account_events,
            Kind.LABEL: self.labels,
            Kind.CONTROL: self.control,
            Kind.LIST_ENTRY: self.lists,
        }
        return topics[kind]


class KafkaSettings(_Section):
    """Addresses of Kafka, and the configuration of topics that are created."""

    bootstrap_servers: str = "127.0.0.1:9092"
    topics: TopicNames = TopicNames()
    consumer_group: str = "stream-sentinel"
    partitions: Positive = 12
    replication_factor: Positive = Field(default=1, description="3 outside one machine")
    min_insync_replicas: Positive = Field(default=1, description="2 outside one machine")
    retention_ms: int = Field(default=7 * 86_400_000, ge=-1, description="milliseconds; -1 keeps for ever")
    compression: Literal["lz4", "zstd", "snappy", "gzip", "none"] = "lz4"
    max_record_bytes: Annotated[int, Field(ge=64 * 1024)] = Field(
        default=16 * 1024 * 1024, description="largest record any topic accepts, bytes"
    )
    properties: dict[str, str] = Field(default={}, description="passed to the job's Kafka clients as they are")
    librdkafka_properties: dict[str, str] | None = Field(
        default=None, description="the same for the command line's clients, by librdkafka's names; empty: as the job's"
    )


class EventTimeSettings(_Section):
    """Disorder and lateness of event time."""

    out_of_orderness_s: float = Field(default=5.0, ge=0, description="disorder that is not yet late, seconds")
    allowed_lateness_s: float = Field(
        default=3600.0, ge=0, description="lateness up to which features are exact, seconds"
    )
    idle_partition_s: float = Field(
        default=30.0,
        gt=0,
        description="a partition without records for so long no longer holds back event time, seconds",
    )
    maximum_ahead_s: float = Field(
        default=86_400.0, gt=0, description="payments further ahead of the wall clock are refused, seconds"
    )
    tolerated_ahead_s: float = Field(
        default=300.0, ge=0, description="payments further ahead of the wall clock are decided and marked, seconds"
    )

    @model_validator(mode="after")
    def _lateness_covers_disorder(self) -> Self:
        if self.allowed_lateness_s < self.out_of_orderness_s:
            raise ValueError(
                "allowed_lateness_s must be at least out_of_orderness_s: payments that are not late are exact"
            )
        return self


class CurrencySettings(_Section):
    """Rates by which amounts are compared in one currency."""

    convert: bool = Field(default=True, description="convert amounts to the reference currency")
    reference: str = Field(default=RATES.reference, description="currency that rules and the model see")
    rates_of: date = Field(default=RATES.day, description="day of the rates")
    per_unit: dict[str, float] = Field(
        default={}, description="by currency, how much of it one unit of the reference is worth; empty: shipped rates"
    )

    def rates(self) -> Rates | None:
        """The table of rates; None if amounts stay as they are.

        Raises:
            RatesInvalidError: a currency or a rate is wrong.
        """
        if not self.convert:
            return None
        return Rates(self.reference, self.rates_of, self.per_unit) if self.per_unit else RATES.rebased(self.reference)

    @model_validator(mode="after")
    def _rates_are_valid(self) -> Self:
        if not self.per_unit and self.rates_of != RATES.day:
            raise ValueError(f"the shipped rates are of {RATES.day}: give per_unit with the rates of another day")
        self.rates()
        return self


class DecisionSettings(_Section):
    """Score thresholds of actions and alerts (0 to 1)."""

    block: Share = 0.9
    challenge: Share = 0.7
    monitor: Share = 0.5
    alert: Share = 0.7
    sampled_features: Share = Field(
        default=0.01, description="share of decisions that carry their features; alerts always do"
    )

    @model_validator(mode="after")
    def _thresholds_rise(self) -> Self:
        if not self.monitor <= self.challenge <= self.block:
            raise ValueError("thresholds must rise: monitor <= challenge <= block")
        return self


class JobSettings(_Section):
    """How the job runs."""

    name: str = "stream-sentinel"
    parallelism: Positive = 2
    shards: Annotated[int, Field(ge=1, le=128, description="shards of the user stage; fixed once there is state")] = 64
    device_shards: Annotated[
        int, Field(ge=1, le=128, description="shards of the device stage; fixed once there is state")
    ] = 64
    merchant_shards: Annotated[
        int, Field(ge=1, le=128, description="shards of the merchant stage; fixed once there is state")
    ] = 64
    mini_batch_ms: Milliseconds = Field(
        default=1, description="least age of a mini-batch in front of the user stage, milliseconds"
    )
    downstream_mini_batch_ms: Milliseconds = Field(
        default=1, description="least age of a mini-batch in front of the device and merchant stages, milliseconds"
    )
    max_record_bytes: Positive = Field(default=1024 * 1024, description="larger input records are refused, bytes")
    cached_profiles: Positive = Field(default=50_000, description="decoded profiles kept by each stage instance")
    profile_ttl_days: Positive = Field(default=60, description="time to live of a profile that is not written, days")
    checkpoint_interval_ms: Positive = Field(
        default=5_000, description="interval of checkpoints, and so the longest wait of an alert, milliseconds"
    )
    decisions_exactly_once: bool = Field(
        default=False, description="write decisions exactly once as well; they then wait for the checkpoint"
    )
    transaction_timeout_s: Annotated[int, Field(ge=10, le=MAXIMUM_TRANSACTION_TIMEOUT_S)] = 600
    start_from: Literal["earliest", "latest", "group"] = Field(
        default="group", description="group: committed offsets, and earliest where there are none"
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_renamed(cls, values: object) -> object:
        """Accept the old names of renamed settings for one release, with a warning."""
        if not isinstance(values, dict):
            return values
        for old in RENAMED_JOB_SETTINGS.keys() & values.keys():
            new = RENAMED_JOB_SETTINGS[old]
            if new in values:
                raise ValueError(f"job.{old} is the old name of job.{new}: give one of them")
            warnings.warn(f"job.{old} is called job.{new} now; the next release drops the old name", FutureWarning, 2)
            values = {**{name: value for name, value in values.items() if name != old}, new: values[old]}
        return values


class ControlSettings(_Section):
    """Who may change what is in force, and how far."""

    max_action_shift: Share = Field(
        default=0.02,
        description="a change that moves the share of an action by more on the last hour's decisions needs --force",
    )
    approval: Literal["none", "second-person"] = Field(
        default="none", description="second-person: the job refuses a change that nobody but its author signed"
    )
    keys: dict[str, str] = Field(default={}, description="Ed25519 public keys by person, 32 bytes in base64")

    @property
    def approvers(self) -> dict[str, str] | None:
        """Public keys by person; None if changes need no approval."""
        return self.keys if self.approval == "second-person" else None

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        raw = set()
        for person, text in self.keys.items():
            try:
                key = b64decode(text, validate=True)
            except ValueError:
                key = b""
            if len(key) != _KEY_BYTES:
                raise ValueError(f"keys: that of {person!r} is not 32 bytes in base64")
            raw.add(key)
        if self.approval == "second-person" and len(raw) < _TWO_PERSONS:
            raise ValueError("approval by a second person needs the public keys of two persons in control.keys")
        return self


class ListSettings(_Section):
    """Block, allow and watch lists, and suppressions."""

    shared_entries: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=10_000,
        description="most cards, countries and networks on lists, all together: every shard has a copy of them",
    )
    exceptions: bool = Field(
        default=True,
        description="an allow that names the user or the card wins over a block of the country or the network; "
        "off: a block always wins",
    )


class ModelSettings(_Section):
    """The model that scores."""

    folder: Path | None = Field(default=None, description="folder of a trained model; empty: the shipped one")


class FlinkSettings(_Section):
    """Address of the Flink cluster."""

    rest_url: str = "http://127.0.0.1:8081"
    home: Path | None = Field(default=None, description="FLINK_HOME; empty: the one inside the apache-flink package")
    savepoint_dir: str = Field(default="", description="where savepoints go; empty: inside the local stack's folder")


class StackSettings(_Section):
    """The local stack that ``sentinel up`` starts: one machine, loopback only."""

    folder: Path = Path(".run/stack")
    kafka_port: Port = 9092
    kafka_controller_port: Port = 9093
    redis_port: Port = 6379
    flink_rest_port: Port = 8081
    zookeeper_port: Port = 2181
    high_availability: bool = Field(default=False, description="a restarted JobManager recovers its jobs")
    task_managers: Positive = 2
    task_manager_memory_mb: Positive = 1728
    task_manager_java_options: str = Field(
        default="-XX:TieredStopAtLevel=1",
        description="JVM options of the TaskManagers; the default compiles with C1 only, since C2 takes a third to "
        "a half of their CPU for the first ten minutes",
    )
    rocksdb_memory_mb: int = Field(
        default=2048, ge=0, description="RocksDB's working files lie in memory if so much of it is free; 0: on the disk"
    )
    job_manager_memory_mb: Positive = 1024
    kafka_heap_mb: Positive = 768
    kept_savepoints: Positive = Field(default=10, description="older savepoints of a job in the folder are deleted")
    kept_checkpoints: Positive = Field(
        default=2, description="jobs whose checkpoints `sentinel down` keeps, those that wrote last"
    )
    kept_logs_mb: Positive = Field(default=200, description="logs that `sentinel down` keeps, the newest, MiB")


class Settings(BaseSettings):
    """All settings; made by ``load_settings``."""

    model_config = SettingsConfigDict(
        env_prefix="SENTINEL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    flink: FlinkSettings = FlinkSettings()
    job: JobSettings = JobSettings()
    event_time: EventTimeSettings = EventTimeSettings()
    currency: CurrencySettings = CurrencySettings()
    decision: DecisionSettings = DecisionSettings()
    control: ControlSettings = ControlSettings()
    lists: ListSettings = ListSettings()
    model: ModelSettings = ModelSettings()
    redis_url: str = "redis://127.0.0.1:6379/0"
    stack: StackSettings = StackSettings()

    @property
    def limits(self) -> Limits:
        """Limits of input records."""
        return Limits(
            record_bytes=self.job.max_record_bytes,
            ahead_ms=round(self.event_time.maximum_ahead_s * 1000),
            rates=self.currency.rates(),
        )

    @model_validator(mode="after")
    def _alerts_fit(self) -> Self:
        if self.kafka.max_record_bytes < self.job.max_record_bytes + DECISION_BYTES:
            raise ValueError(
                f"kafka.max_record_bytes must be at least job.max_record_bytes + {DECISION_BYTES}: "
                "an alert carries the record and its decision"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls, settings_file()))


def settings_file() -> Path | None:
    """The YAML file in force, or None."""
    named = os.environ.get("SENTINEL_SETTINGS")
    if named:
        return Path(named)
    default = Path("sentinel.yaml")
    return default if default.exists() else None


def load_settings() -> Settings:
    """Read and check all settings.

    Raises:
        SettingsError: names every bad value at once.
    """
    file = settings_file()
    if file is not None:
        _check_file(file)
    faults = [f"  {name}: there is no such setting" for name in _unknown_variables()]
    faults += [f"  {name}: write {meant}, with two underscores" for name, meant in _misspelt_variables()]
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [f"  {'.'.join(map(str, item['loc']))}: {item['msg']}{_got(item)}" for item in error.errors()]
    except UnreadableVariableError as error:
        faults.append(f"  the environment holds what is no JSON: {error}")
    if faults:
        raise SettingsError("settings are wrong:\n" + "\n".join(faults))
    return settings


_WITH_SECRETS = frozenset({"properties", "librdkafka_properties", "redis_url"})
"""Settings of which no value is shown."""


def _got(fault: Mapping[str, Any]) -> str:
    """The value that was refused, unless it may hold a secret: a section, a misplaced name, or a setting with one."""
    value, path = fault["input"], [str(part) for part in fault["loc"]]
    hidden = fault["type"] == "extra_forbidden" or _WITH_SECRETS.intersection(path) or any(map(is_secret, path))
    return "" if hidden or isinstance(value, dict | BaseModel | list) or path == ["kafka"] else f" (got {value!r})"


def _check_file(file: Path) -> None:
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise SettingsError(f"SENTINEL_SETTINGS names {file}, which does not exist") from None
    except yaml.MarkedYAMLError as error:
        # Without the line itself, which may hold a password.
        mark = error.problem_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise SettingsError(f"the settings in {file} cannot be read: {error.problem}{place}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"the settings in {file} cannot be read: {error}") from None
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"the settings in {file} are no mapping of sections")


def _misspelt_variables() -> list[tuple[str, str]]:
    """Variables with one underscore between section and field, and the right spelling of each."""
    prefix = str(Settings.model_config["env_prefix"])
    variables = {name.upper(): name for name in os.environ}
    return [
        (variables[f"{prefix}{section}_{field}".upper()], f"{prefix}{section}__{field}".upper())
        for section, info in Settings.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
        for field in info.annotation.model_fields
        if f"{prefix}{section}_{field}".upper() in variables
    ]


def _unknown_variables() -> list[str]:
    """Variables that name an unknown section; pydantic ignores them.

    A variable without ``__`` may be somebody else's: Kubernetes sets such for a service called sentinel.
    """
    prefix = str(Settings.model_config["env_prefix"])
    sections = {prefix + name.upper() for name in Settings.model_fields}
    ours = [name for name in os.environ if name.upper().startswith(prefix) and "__" in name]
    return sorted(name for name in ours if name.upper().partition("__")[0] not in sections)
