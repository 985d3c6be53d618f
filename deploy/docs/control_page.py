"""The reference of control records: the kinds that the job accepts."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from deploy.docs.markdown import code, table
from deploy.docs.words import texts
from udfs.conditions import MAX_TOKENS
from udfs.control.record import MAX_RECORD_BYTES, Control
from udfs.control.timeline import MAX_VERSIONS
from udfs.patterns.loading import MAX_PATTERNS
from udfs.rule_documents import MAX_PROBLEMS
from udfs.rules.loading import MAX_RULES
from udfs.strict_yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES


def control_kinds() -> tuple[str, ...]:
    """The kinds of control records, in the order of the code."""
    kinds: tuple[str, ...] = get_args(get_type_hints(Control)["kind"])
    return kinds


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    bodies = texts("control", "kinds", control_kinds())
    limits = {
        "kept_versions": MAX_VERSIONS,
        "record_bytes": MAX_RECORD_BYTES,
        "characters": MAX_CHARACTERS,
        "nodes": MAX_NODES,
        "depth": MAX_DEPTH,
        "rules": MAX_RULES,
        "patterns": MAX_PATTERNS,
        "tokens": MAX_TOKENS,
        "problems": MAX_PROBLEMS,
    }
    kinds = table(("Kind", "Body"), ((code(kind), text) for kind, text in bodies.items()))
    return {"kinds": kinds, **{name: f"{limit:,}" for name, limit in limits.items()}}
