"""``python -m deploy.image.configuration``: the config.yaml and the lib folder of a container's Flink.

The values are the local stack's; only addresses and folders differ. Where Flink looks for them, ``FLINK_CONF_DIR`` and
``FLINK_LIB_DIR`` say, which the image sets.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from deploy.errors import OperationError
from deploy.paths import under_root
from deploy.stack import flink_configuration, zookeeper
from flink_jobs.settings import Settings, SettingsError, load_settings

EVERYWHERE = "0.0.0.0"
RPC_PORT = 6123
ZOOKEEPER = "zookeeper"
"""The host name of its container."""


def configuration(settings: Settings) -> dict[str, Any]:
    """The cluster of the containers: the JobManager by its name in ``flink.rest_url``, state in ``stack.folder``.

    Every container listens on all its interfaces: what the world may reach, the published ports decide.

    Raises:
        OperationError: when ``flink.rest_url`` names no host and port.
    """
    address = urlparse(settings.flink.rest_url)
    if address.hostname is None or address.port is None:
        raise OperationError(f"flink.rest_url is {settings.flink.rest_url!r}: it must name the host and the port")
    folder = under_root(settings.stack.folder)
    values = flink_configuration.common(settings, folder)
    # A TaskManager finds its own address: the one from which it reaches the JobManager.
    values.pop("taskmanager.host", None)
    return {
        **values,
        **zookeeper.high_availability(settings, folder, f"{ZOOKEEPER}:{settings.stack.zookeeper_port}"),
        "jobmanager.rpc.address": address.hostname,
        "jobmanager.rpc.port": RPC_PORT,
        "jobmanager.bind-host": EVERYWHERE,
        "taskmanager.bind-host": EVERYWHERE,
        "rest.address": address.hostname,
        "rest.bind-address": EVERYWHERE,
        "rest.port": address.port,
        "rest.bind-port": address.port,
    }


def lay_out(settings: Settings, conf: Path, lib: Path) -> None:
    """Write the conf folder and fill the lib folder. Logs go to standard output and, for the web UI, to a file."""
    home = flink_configuration.home(settings)
    conf.mkdir(parents=True, exist_ok=True)
    lib.mkdir(parents=True, exist_ok=True)
    flink_configuration.write(configuration(settings), conf)
    data = under_root(settings.stack.folder) / "zookeeper"
    (conf / zookeeper.FILE).write_text(zookeeper.configuration(settings.stack.zookeeper_port, data, EVERYWHERE))
    for shipped in (home / "conf").glob("log4j*.properties"):
        shutil.copyfile(shipped, conf / shipped.name)
    flink_configuration.link_jars(home, lib)


def main() -> None:
    """Lay out what the environment names; wrong settings are one clear error."""
    try:
        lay_out(load_settings(), Path(os.environ["FLINK_CONF_DIR"]), Path(os.environ["FLINK_LIB_DIR"]))
    except (OperationError, SettingsError) as error:
        sys.exit(f"stream-sentinel: {error}")


if __name__ == "__main__":
    main()
