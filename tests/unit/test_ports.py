"""Loopback ports: one in use is refused with the name of its owner, and free ones are found."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from deploy.errors import OperationError
from deploy.stack.ports import CANDIDATES, LOOPBACK, free_ports, port_owner, require_free


@pytest.fixture
def listening() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_refused_with_its_owner_and_the_setting_to_change(listening: int) -> None:
    with pytest.raises(OperationError) as refused:
        require_free(listening, "kafka", "stack.kafka_port")
    message = str(refused.value)
    assert f"kafka cannot start: port {listening} is in use by" in message
    assert f"(pid {os.getpid()})" in message
    assert "stack.kafka_port" in message


def test_a_port_in_use_on_all_addresses_is_refused_as_well() -> None:
    with socket.create_server(("", 0)) as server, pytest.raises(OperationError):
        require_free(server.getsockname()[1], "kafka", "stack.kafka_port")


def test_a_port_that_was_closed_a_moment_ago_is_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            server.accept()[0].close()
            client.recv(1)
    require_free(port, "kafka", "stack.kafka_port")


def test_a_free_port_has_no_known_owner() -> None:
    (port,) = free_ports(1)
    assert port_owner(port) == "another process"


def test_free_ports_are_distinct_and_can_be_listened_on() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    for port in found:
        assert port in CANDIDATES
        require_free(port, "any", "any")
