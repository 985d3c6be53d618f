"""``sentinel thresholds``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.control_changes import add_changes
from deploy.cli.control_try import add_try
from deploy.cli.control_views import add_views
from deploy.console import say

app = typer.Typer(help="Show the thresholds, and move them while the job runs.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="YAML file: block, challenge, monitor, alert.")]) -> None:
    """Check a file of thresholds with the job's own code.

    Example: sentinel thresholds check thresholds.yaml

    Exit codes: 0 valid; 1 invalid.
    """
    from deploy.control.sets import read_file  # noqa: PLC0415 - imports numba, a second

    document = read_file("thresholds", file).document
    say(f"{file}: {', '.join(f'{name} {score}' for name, score in document.items())}; no problems")


add_try(app, "thresholds")
add_views(app, "thresholds", "alert")
add_changes(app, "thresholds", "alert", "score=0.75")
