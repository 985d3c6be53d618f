"""Build the site with MkDocs, and serve the built files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

from deploy.errors import OperationError
from deploy.paths import ROOT, RUN

SITE = RUN / "site"


def build(folder: Path = SITE) -> None:
    """Build the site into a folder, strictly: a dead link, a dead anchor or a page outside the navigation is a fault.

    Raises:
        OperationError: the site has a fault, or MkDocs is not installed.
    """
    if find_spec("mkdocs") is None:
        raise OperationError("MkDocs is not installed: run deploy/setup.sh")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    # Not with --quiet: a warning that is not logged does not count in strict mode.
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        faults = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
        raise OperationError("\n".join(("the documentation has faults:", *faults)))


def serve(folder: Path, port: int, report: Callable[[str], None]) -> None:
    """Serve a built site on the loopback interface until it is interrupted.

    Args:
        folder: of the built site.
        port: 0 for any that is free.
        report: is called with one line that says the address.
    """
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise OperationError(f"port {port} cannot be used: {error.strerror}") from None
    with server:
        report(f"the documentation is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
        server.serve_forever()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write no line for each request."""
