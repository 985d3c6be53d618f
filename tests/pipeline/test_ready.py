"""Once a stage is ready, no payment waits for the compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own, where nothing was called before. What is compiled is known by its signatures.
_COUNTS = """
import sys
from numba.core.dispatcher import Dispatcher

def compiled():
    rooms = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in ("state", "udfs")]
    found = {id(one): one for module in rooms for one in vars(module).values() if isinstance(one, Dispatcher)}
    return {f"{one.py_func.__module__}.{one.__name__}": one.signatures for one in found.values()}

from udfs.ready import make_ready
make_ready()
before = compiled()
from tests import busy_month
busy_month.decided()
after = compiled()
late = sorted(name for name, signatures in after.items() if len(signatures) > len(before.get(name, ())))
print(len(before), *late)
"""


def test_a_month_of_payments_asks_nothing_more_of_the_compiler() -> None:
    told = subprocess.run([sys.executable, "-c", _COUNTS], cwd=ROOT, capture_output=True, text=True, check=True)
    functions, *late = told.stdout.split()
    assert int(functions) > 50
    assert late == []
