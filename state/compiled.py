"""Compiles the functions that run for every event, from Python to machine code.

What is remembered of an entity lies in a few NumPy arrays, and plain loops over them do the work. Compiled, a pass
over the 512 events that are kept at most takes 40 ns, about what Python needs for one assignment; so the loops may be
as simple as the definition, whatever the order in which events come.

The machine code is stored, since to make it takes a minute: in the user's cache, in a folder named after the source of
this package and the version of the compiler. (The compiler's own rule, the age of the one file that a function stands
in, would keep code of another file that was compiled into it.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).resolve().parent


def _cache_folder() -> Path | None:
    """Where machine code of just this source is stored; None where nothing can be."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "stream-sentinel" / f"compiled-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = _cache_folder()
if _FOLDER is not None:
    config.CACHE_DIR = str(_FOLDER)


def compiled(function: F) -> F:
    """The function in machine code, made at its first call. Whole numbers are 64 bits wide and wrap around."""
    return cast(F, numba.njit(cache=_FOLDER is not None, error_model="numpy")(function))
