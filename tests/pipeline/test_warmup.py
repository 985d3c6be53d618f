"""Once a stage is ready, no payment waits for the compiler, and stages may read the same types side by side."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec

from udfs.warmup import READ_BY_ALL

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own, where nothing was called before. What is compiled is known by its signatures.
_COUNTS = """
import sys
from numba.core.dispatcher import Dispatcher

def compiled():
    rooms = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in ("state", "udfs")]
    found = {id(one): one for module in rooms for one in vars(module).values() if isinstance(one, Dispatcher)}
    return {f"{one.py_func.__module__}.{one.__name__}": one.signatures for one in found.values()}

from udfs.warmup import warm_up
warm_up()
before = compiled()
from tests import busy_month
busy_month.decided()
after = compiled()
late = sorted(name for name, signatures in after.items() if len(signatures) > len(before.get(name, ())))
print(len(before), *late)
"""


def test_a_month_of_payments_asks_nothing_more_of_the_compiler() -> None:
    printed = subprocess.run([sys.executable, "-c", _COUNTS], cwd=ROOT, capture_output=True, text=True, check=True)
    functions, *late = printed.stdout.split()
    assert int(functions) > 50
    assert late == []


def read_when_called() -> Iterator[tuple[Path, type]]:
    """The types of records that modules hand to msgspec as they read, and not as they are imported."""
    for room in ("state", "models", "udfs"):
        for file in sorted((ROOT / room).rglob("*.py")):
            module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
            for call in ast.walk(ast.parse(file.read_text())):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    kinds = [keyword.value for keyword in call.keywords if keyword.arg == "type"]
                    kinds += call.args[1:] if call.func.attr == "convert" else []
                    for name in (part.id for kind in kinds for part in ast.walk(kind) if isinstance(part, ast.Name)):
                        yield from ((file, record) for record in records_in(getattr(module, name, None)))


def records_in(kind: object) -> Iterator[type]:
    """The types that msgspec looks at once for all: those with fields."""
    if isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or hasattr(kind, "_fields")):
        yield kind
    for part in get_args(kind):
        yield from records_in(part)


def test_no_two_stages_are_the_first_to_read_a_type() -> None:
    found = list(read_when_called())
    assert len(found) >= 5
    assert [(file.name, record.__name__) for file, record in found if record not in READ_BY_ALL] == []
