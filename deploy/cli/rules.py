"""``sentinel rules``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.control_changes import add_changes, add_switches
from deploy.cli.control_try import add_try
from deploy.cli.control_views import add_views
from deploy.console import say

app = typer.Typer(help="Check rules, and change those in force while the job runs.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="YAML file of rules, like udfs/rules/defaults.yaml.")]) -> None:
    """Check a file of rules with the job's own code, and list every problem with its line.

    Example: sentinel rules check rules.yaml

    Exit codes: 0 valid; 1 invalid.
    """
    from deploy.control.sets import read_file  # noqa: PLC0415 - imports numba, a second

    document = read_file("rules", file).document
    say(f"{file}: version {document['version']}, {len(document['rules'])} rules, no problems")


add_try(app, "rules")
add_views(app, "rules", "late_night")
add_changes(app, "rules", "late_night", "add=0.1")
add_switches(app, "rules", "late_night", "enabled", on=True, off=False)
