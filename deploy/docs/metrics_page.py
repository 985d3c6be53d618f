"""The reference of operator metrics: the counters that the job declares, found in its source, and the hops."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from deploy.clients.hop_times import BOUNDS_US, HOPS, STAND_STILLS
from deploy.docs.markdown import code, table
from deploy.docs.words import texts, words
from deploy.paths import ROOT

STAGES = {"all": "all", "user": "user stage", "merchant": "merchant stage"}


def declared_counters() -> list[str]:
    """Names of the counters that ``OperatorMetrics.declare`` is called with, in the order of the files.

    Read from the source, since an operator exists in a running job only.
    """
    return list(dict.fromkeys(_declared()))


def _declared() -> Iterator[str]:
    for file in sorted((ROOT / "flink_jobs").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "declare":
                yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    described: dict[str, dict[str, str]] = words("metrics")["counters"]
    texts("metrics", "counters", sorted(declared_counters()))
    rows = ((code(name), STAGES[each["stage"]], each["unit"], each["meaning"]) for name, each in described.items())
    hops: dict[str, dict[str, str]] = words("metrics")["hops"]
    texts("metrics", "hops", sorted({hop.metric for hop in (*HOPS, *STAND_STILLS)}))
    hop_rows = ((code(name), each["operator"], each["meaning"]) for name, each in hops.items())
    return {
        "counters": table(("Counter", "Stages", "Unit", "Meaning"), rows),
        "hops": table(("Hop", "Operators", "From, until"), hop_rows),
        "bounds_ms": ", ".join(f"{bound / 1000:g}" for bound in BOUNDS_US),
    }
