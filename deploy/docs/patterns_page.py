"""The reference of patterns: the language's keys from the pattern structs, the default patterns from their YAML."""

from __future__ import annotations

import re
from importlib.resources import files
from textwrap import dedent
from typing import Any

from deploy.docs.markdown import code, one_line, table
from deploy.docs.words import texts
from udfs import patterns as package
from udfs.patterns import Pattern, default_patterns
from udfs.patterns.pattern import Step


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    patterns = default_patterns()
    summaries = texts("patterns", "patterns", (pattern.id for pattern in patterns.all))
    blocks = yaml_blocks()
    return {
        "version": patterns.version,
        "number": len(patterns.all),
        "patterns": table(
            ("Pattern", "Reason", "Score", "Matches"),
            (
                (f"[{code(each.id)}](#{each.id})", code(each.reason), f"{each.score:g}", summaries[each.id])
                for each in patterns.all
            ),
        ),
        "details": [{"id": each.id, "note": one_line(each.note), "yaml": blocks[each.id]} for each in patterns.all],
        "pattern_keys": _keys("pattern_keys", Pattern),
        "step_keys": _keys("step_keys", Step),
    }


def yaml_blocks() -> dict[str, str]:
    """The default patterns as they are written, with their comments, by id."""
    text = files(package).joinpath("defaults.yaml").read_text()
    blocks = re.split(r"^(?=  - id: )", text, flags=re.MULTILINE)[1:]
    return {block.split(maxsplit=3)[2]: dedent(block).rstrip() for block in blocks}


def _keys(section: str, struct: type[Pattern | Step]) -> str:
    names, defaults = struct.__struct_fields__, struct.__struct_defaults__
    first = len(names) - len(defaults)
    shown = ["required"] * first + [_shown(default) for default in defaults]
    meanings = texts("patterns", section, names)
    return table(
        ("Key", "Default", "Meaning"), ((code(name), shown[at], meanings[name]) for at, name in enumerate(names))
    )


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    return code(str(default).lower() if isinstance(default, bool) else default)
