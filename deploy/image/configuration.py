"""``python -m deploy.image.configuration``: write the conf folder and fill the lib folder of a container's Flink.

The options are the local stack's; only addresses and folders differ. The folders are those in ``FLINK_CONF_DIR`` and
``FLINK_LIB_DIR``, which the image sets.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from deploy.errors import OperationError
from deploy.paths import under_root
from deploy.stack import flink_configuration, zookeeper
from flink_jobs.settings import Settings, SettingsError, load_settings

ALL_INTERFACES = "0.0.0.0"
RPC_PORT = 6123
ZOOKEEPER = "zookeeper"
"""Host name of its container."""


def configuration(settings: Settings) -> dict[str, Any]:
    """Make config.yaml of the containers.

    The JobManager has the host name in ``flink.rest_url``; state goes to ``stack.folder``. Every container listens on
    all its interfaces; only published ports are reachable from outside.

    Raises:
        OperationError: ``flink.rest_url`` lacks a host or a port.
    """
    address = urlparse(settings.flink.rest_url)
    if address.hostname is None or address.port is None:
        raise OperationError(f"flink.rest_url is {settings.flink.rest_url!r}: it must name the host and the port")
    folder = under_root(settings.stack.folder)
    values = flink_configuration.common(settings, folder)
    # A TaskManager then uses the address from which it reaches the JobManager.
    values.pop("taskmanager.host", None)
    return {
        **values,
        **zookeeper.high_availability(settings, folder, f"{ZOOKEEPER}:{settings.stack.zookeeper_port}"),
        "jobmanager.rpc.address": address.hostname,
        "jobmanager.rpc.port": RPC_PORT,
        "jobmanager.bind-host": ALL_INTERFACES,
        "taskmanager.bind-host": ALL_INTERFACES,
        "rest.address": address.hostname,
        "rest.bind-address": ALL_INTERFACES,
        "rest.port": address.port,
        "rest.bind-port": address.port,
    }


def lay_out(settings: Settings, conf: Path, lib: Path) -> None:
    """Write the conf folder and fill the lib folder; logs go to standard output and, for the web UI, to a file."""
    home = flink_configuration.home(settings)
    conf.mkdir(parents=True, exist_ok=True)
    lib.mkdir(parents=True, exist_ok=True)
    flink_configuration.write(configuration(settings), conf)
    data = under_root(settings.stack.folder) / "zookeeper"
    (conf / zookeeper.FILE).write_text(zookeeper.configuration(settings.stack.zookeeper_port, data, ALL_INTERFACES))
    for shipped in (home / "conf").glob("log4j*.properties"):
        (conf / shipped.name).write_text(shipped.read_text() + flink_configuration.SILENCED)
    flink_configuration.link_jars(home, lib)


def main() -> None:
    """Lay out the folders that the environment names; wrong settings are one sentence on stderr."""
    try:
        lay_out(load_settings(), Path(os.environ["FLINK_CONF_DIR"]), Path(os.environ["FLINK_LIB_DIR"]))
    except (OperationError, SettingsError) as error:
        sys.exit(f"stream-sentinel: {error}")


if __name__ == "__main__":
    main()
