"""docker-compose.yml and the image agree with the settings and the local stack; no test here can start them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from deploy.image import configuration, health
from deploy.stack import flink_configuration, kafka
from flink_jobs.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "image" / "Dockerfile").read_text()
PROJECT_SERVICES = [name for name, service in SERVICES.items() if "build" in service]

# Options in which containers differ from the local stack: host names, listeners, folders.
BROKER_ADDRESSES = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
}


def resolved(text: str) -> str:
    """A value with Compose's ``${NAME:-default}`` at its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def environment(service: str) -> dict[str, str]:
    return {name: resolved(str(value)) for name, value in SERVICES[service].get("environment", {}).items()}


def is_setting(variable: str) -> bool:
    model: Any = Settings
    for section in variable.removeprefix("SENTINEL_").lower().split("__"):
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or section not in model.model_fields:
            return False
        model = model.model_fields[section].annotation
    return not (isinstance(model, type) and issubclass(model, BaseModel))


@pytest.fixture
def in_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The settings as a container of the image reads them."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment("jobmanager").items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_every_sentinel_variable_is_a_setting() -> None:
    variables = {name for service in SERVICES for name in environment(service) if name.startswith("SENTINEL_")}
    assert variables
    assert [name for name in sorted(variables) if not is_setting(name)] == []


def test_every_container_of_the_image_has_the_same_settings() -> None:
    assert len(PROJECT_SERVICES) > 4
    assert all(environment(name) == environment("jobmanager") for name in PROJECT_SERVICES)


def test_the_task_managers_offer_the_slots_that_the_job_needs(in_container: Settings) -> None:
    slots = configuration.configuration(in_container)["taskmanager.numberOfTaskSlots"]
    assert slots * SERVICES["taskmanager"]["deploy"]["replicas"] >= in_container.job.parallelism


def test_the_broker_is_set_as_the_local_one() -> None:
    broker = environment("kafka")
    local = kafka.properties(Settings.model_construct(), Path("/data"))
    expected = {
        f"KAFKA_{name.upper().replace('.', '_')}": value
        for name, value in local.items()
        if name not in BROKER_ADDRESSES
    }
    addresses = {f"KAFKA_{name.upper().replace('.', '_')}" for name in BROKER_ADDRESSES}
    excluded = addresses | {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
    assert {name: value for name, value in broker.items() if name not in excluded} == expected
    assert addresses <= broker.keys()
    assert broker["CLUSTER_ID"] == kafka.CLUSTER_ID
    heap = Settings.model_construct().stack.kafka_heap_mb
    assert broker["KAFKA_HEAP_OPTS"] == f"-Xms{heap}m -Xmx{heap}m"


def test_the_job_reaches_the_broker_by_the_address_that_it_advertises(in_container: Settings) -> None:
    assert f"PLAINTEXT://{in_container.kafka.bootstrap_servers}" in environment("kafka")["KAFKA_ADVERTISED_LISTENERS"]


def test_clients_on_this_machine_find_kafka_redis_and_flink_where_the_defaults_look() -> None:
    published = {resolved(port).rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])}
    defaults = Settings.model_construct()
    assert published == {
        defaults.kafka.bootstrap_servers,
        re.sub(r"redis://|/0", "", defaults.redis_url),
        defaults.flink.rest_url.removeprefix("http://"),
    }


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_image_is_pinned_to_a_version() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    python = re.search(r"^ARG PYTHON=(\S+)", DOCKERFILE, re.MULTILINE)
    assert python is not None
    stages = [stage.replace("${PYTHON}", python.group(1)) for stage in stages]
    images = stages + [service["image"] for service in SERVICES.values()]
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+", image)] == []


def test_the_image_has_the_version_of_the_project_and_its_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {SERVICES[name]["image"] for name in PROJECT_SERVICES} == {f"stream-sentinel:{project['version']}"}
    assert "ARG PYTHON=3.11." in DOCKERFILE
    assert project["requires-python"].startswith(">=3.11,")


def test_the_broker_has_the_version_of_the_local_one() -> None:
    version = re.search(r"<kafka.version>(.+)</kafka.version>", (ROOT / "deploy" / "pom.xml").read_text())
    assert version is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version.group(1)}"


def test_the_image_installs_only_what_the_constraints_allow() -> None:
    before, install = DOCKERFILE.split("pip install", 1)
    assert "COPY deploy/constraints.txt deploy/constraints.txt" in before
    assert "ENV PIP_CONSTRAINT=/opt/stream-sentinel/deploy/constraints.txt" in before
    assert "pip install" not in install


def test_the_image_runs_as_a_user_without_privileges() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["sentinel"]
    assert all(SERVICES[name]["cap_drop"] == ["ALL"] for name in PROJECT_SERVICES)


def test_the_image_holds_every_package_that_is_copied_into_the_build() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    let_in = re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(let_in) == {"state", "models", "udfs", "flink_jobs", "apps", "deploy"}


def test_nothing_waits_for_a_health_that_is_never_checked() -> None:
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert "restart" not in SERVICES[other], f"{name} waits for the end of {other}, which starts again"


def test_the_cluster_of_the_containers_differs_from_the_local_one_in_addresses_folders_and_the_compiler_only(
    in_container: Settings, tmp_path: Path
) -> None:
    stack = in_container.stack.model_copy(update={"folder": tmp_path})
    local = flink_configuration.configuration(Settings.model_construct(stack=stack), tmp_path)
    containers = configuration.configuration(in_container)
    differing = {name for name in local.keys() | containers.keys() if local.get(name) != containers.get(name)}
    assert differing == {
        *("jobmanager.rpc.address", "jobmanager.rpc.port", "jobmanager.bind-host"),
        *("taskmanager.host", "taskmanager.bind-host"),
        *("rest.address", "rest.bind-address"),
        *("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir", "io.tmp.dirs", "env.pid.dir"),
        *("high-availability.storageDir", "high-availability.zookeeper.quorum"),
        "state.backend.rocksdb.localdir",  # the memory of a container has 64 MB of it
        "env.java.opts.taskmanager",  # a long-running JVM uses the optimizing compiler
    }
    assert containers["jobmanager.rpc.address"] == "jobmanager"


def test_checkpoints_and_savepoints_lie_on_the_volume_that_all_containers_share(in_container: Settings) -> None:
    containers = configuration.configuration(in_container)
    (volume,) = SERVICES["jobmanager"]["volumes"]
    folder = volume.removeprefix("state:")
    assert all(SERVICES[name]["volumes"] == [volume] for name in PROJECT_SERVICES)
    for name in (
        "execution.checkpointing.dir",
        "execution.checkpointing.savepoint-dir",
        "high-availability.storageDir",
    ):
        assert containers[name].startswith(f"file://{folder}/")


def test_the_job_manager_finds_zookeeper_in_its_container_and_waits_for_it(in_container: Settings) -> None:
    quorum = configuration.configuration(in_container)["high-availability.zookeeper.quorum"]
    assert quorum == f"{configuration.ZOOKEEPER}:{in_container.stack.zookeeper_port}"
    assert SERVICES[configuration.ZOOKEEPER]["command"] == ["zookeeper"]
    assert configuration.ZOOKEEPER in SERVICES["jobmanager"]["depends_on"]
    assert str(in_container.stack.zookeeper_port) in str(SERVICES[configuration.ZOOKEEPER]["healthcheck"]["test"])


def test_a_container_gets_a_configuration_and_the_jars(in_container: Settings, tmp_path: Path) -> None:
    conf, lib = tmp_path / "conf", tmp_path / "lib"
    configuration.lay_out(in_container, conf, lib)
    written = yaml.safe_load((conf / "config.yaml").read_text())
    assert written == configuration.configuration(in_container)
    assert (conf / "log4j-console.properties").exists()
    jars = " ".join(jar.name for jar in lib.iterdir())
    assert "flink-python" in jars
    assert "flink-sql-connector-kafka" in jars
    assert "flink-dist" in jars


@pytest.fixture
def rest_url() -> Iterator[str]:
    """A JobManager at which one TaskManager, tm-1, is registered."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/taskmanagers" else 404)
            self.end_headers()
            self.wfile.write(b'{"taskmanagers": [{"id": "tm-1"}]}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_task_manager_is_healthy_when_it_is_registered_at_the_job_manager(rest_url: str) -> None:
    assert health.is_healthy("jobmanager", rest_url, "jm")
    assert health.is_healthy("taskmanager", rest_url, "tm-1")
    assert not health.is_healthy("taskmanager", rest_url, "tm-2")


def test_a_flink_that_does_not_answer_is_not_healthy() -> None:
    assert not health.is_healthy("jobmanager", "http://127.0.0.1:1", "anything")
