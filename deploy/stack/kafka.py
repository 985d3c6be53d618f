"""A Kafka broker: one KRaft node, controller and broker in one process, started from the jars."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.errors import OperationError
from deploy.paths import KAFKA_JARS
from deploy.stack import java, ports
from deploy.stack.process import ManagedProcess
from deploy.stack.service import Service
from flink_jobs.settings import MAXIMUM_TRANSACTION_TIMEOUT_S, Settings

CLUSTER_ID = "c3RyZWFtLXNlbnRpbmVsMQ"  # any 16 bytes in base64; the data folder is formatted for it
REQUEST_OVERHEAD_BYTES = 1024 * 1024

LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1} - %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def properties(settings: Settings, data: Path) -> dict[str, str]:
    """Make server.properties of the single node, which listens on loopback only.

    Args:
        settings: ports, partitions, and the largest record.
        data: folder of the log segments.
    """
    largest = settings.kafka.max_record_bytes
    broker, controller = settings.stack.kafka_port, settings.stack.kafka_controller_port
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{ports.LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{ports.LOOPBACK}:{broker},CONTROLLER://{ports.LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{ports.LOOPBACK}:{broker}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "message.max.bytes": str(largest),
        "replica.fetch.max.bytes": str(largest),
        # A request holds a record, its frame, and maybe those of other partitions.
        "socket.request.max.bytes": str(max(100 * 1024 * 1024, largest + REQUEST_OVERHEAD_BYTES)),
        # A topic that a typing error creates would have the wrong number of partitions.
        "auto.create.topics.enable": "false",
        "num.partitions": str(settings.kafka.partitions),
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        # A single broker does not need 50 partitions of offsets, and starts sooner without them.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.max.timeout.ms": str(MAXIMUM_TRANSACTION_TIMEOUT_S * 1000),
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # The first consumer of a group may begin at once, as no others are expected.
        "group.initial.rebalance.delay.ms": "0",
    }


def service(settings: Settings, folder: Path) -> Service:
    """The broker of a stack folder."""
    stack = settings.stack
    process = ManagedProcess("kafka", folder, folder / "logs" / "kafka.log")
    return Service(
        process=process,
        ports=(
            (stack.kafka_port, "stack.kafka_port"),
            (stack.kafka_controller_port, "stack.kafka_controller_port"),
        ),
        launch=lambda: _launch(settings, process),
        is_ready=lambda: answers(f"{ports.LOOPBACK}:{stack.kafka_port}"),
        ready_within_s=60.0,
    )


def _launch(settings: Settings, process: ManagedProcess) -> None:
    """Write the configuration, format the data folder if it is new, start the process."""
    home = process.folder / "kafka"
    data = home / "data"
    home.mkdir(parents=True, exist_ok=True)
    config = home / "server.properties"
    config.write_text("".join(f"{key}={value}\n" for key, value in properties(settings, data).items()))
    (home / "log4j2.properties").write_text(LOG4J)
    heap = settings.stack.kafka_heap_mb
    java_command = [
        java.executable(),
        f"-Xms{heap}m",
        f"-Xmx{heap}m",
        "-XX:+UseG1GC",
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
        "-cp",
        ":".join(map(str, java.jars(KAFKA_JARS))),
    ]
    if not (data / "meta.properties").exists():
        _format(java_command, config)
    process.start([*java_command, "kafka.Kafka", str(config)], os.environ, home)


def _format(base: list[str], config: Path) -> None:
    command = [*base, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(config)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OperationError(f"kafka could not format its data folder: {(result.stderr or result.stdout).strip()}")


def answers(bootstrap_servers: str) -> bool:
    """Whether a broker returns its metadata."""
    try:
        # The client logs every refused connection to stderr, which is normal while the broker starts.
        client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}, logger=None)
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False
