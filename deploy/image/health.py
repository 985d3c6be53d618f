"""``python -m deploy.image.health jobmanager|taskmanager``: health check of a container, exit code 0 or 1.

Imports the standard library only, as it runs every few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request

TIMEOUT_S = 3.0


def is_healthy(role: str, rest_url: str, name: str) -> bool:
    """Whether the JobManager answers and, for a TaskManager, has registered it.

    Args:
        role: ``jobmanager`` or ``taskmanager``.
        rest_url: of the JobManager.
        name: resource id of the TaskManager.
    """
    try:
        with urllib.request.urlopen(f"{rest_url}/taskmanagers", timeout=TIMEOUT_S) as answer:
            registered = {each["id"] for each in json.load(answer)["taskmanagers"]}
    except (OSError, ValueError, KeyError):
        return False
    return role == "jobmanager" or name in registered


if __name__ == "__main__":
    sys.exit(not is_healthy(sys.argv[1], os.environ["SENTINEL_FLINK__REST_URL"], socket.gethostname()))
