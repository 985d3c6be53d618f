"""The reference of control records: the kinds that the job accepts."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from deploy.docs.markdown import code, table
from deploy.docs.words import texts
from udfs.control import Control


def control_kinds() -> tuple[str, ...]:
    """The kinds of control records, in the order of the code."""
    kinds: tuple[str, ...] = get_args(get_type_hints(Control)["kind"])
    return kinds


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    bodies = texts("control", "kinds", control_kinds())
    return {"kinds": table(("Kind", "Body"), ((code(kind), text) for kind, text in bodies.items()))}
