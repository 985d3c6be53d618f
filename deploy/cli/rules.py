"""``sentinel rules``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.control_changes import add_changes, add_switches
from deploy.cli.control_try import add_try
from deploy.cli.control_views import add_views
from deploy.console import say
from deploy.errors import OperationError

app = typer.Typer(help="Check rules, and change those in force while the job runs.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="YAML file of rules, like udfs/rules/defaults.yaml.")]) -> None:
    """Check a file of rules with the job's own code, list every problem with its line, and run the tests of the rules.

    Example: sentinel rules check rules.yaml

    Exit codes: 0 valid, and all tests pass; 1 invalid, or a test fails.
    """
    from deploy.control.rule_tests import run_rule_tests  # noqa: PLC0415 - imports numba, a second
    from deploy.control.sets import read_file  # noqa: PLC0415

    document = read_file("rules", file).document
    results = run_rule_tests(document)
    failed = [result for result in results if not result.passed]
    if failed:
        raise OperationError("\n".join(f"{file}: {result}" for result in failed))
    say(
        f"{file}: version {document['version']}, {len(document['rules'])} rules, no problems, {len(results)} tests pass"
    )


add_try(app, "rules")
add_views(app, "rules", "late_night")
add_changes(app, "rules", "late_night", "add=0.1")
add_switches(app, "rules", "late_night", "mode", on="active", off="off")
