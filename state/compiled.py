"""Compiles the functions that run for every event, from Python to machine code.

What is remembered of an entity lies in a few NumPy arrays, and plain loops over them do the work. Compiled, a pass
over the 512 events that are kept at most takes 40 ns, about what Python needs for one assignment; so the loops may be
as simple as the definition, whatever the order in which events come.

The machine code is stored, since to make it takes half a minute: in the user's cache, in a folder named after the
source of this package and the version of the compiler. The compiler's own rule goes by the path and the age of the one
file that a function stands in. It would keep code of another file that was compiled into it, and find nothing where a
job's code is shipped to a new folder for each start.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import CompileResultCacheImpl, _CacheLocator

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).resolve().parent


def _cache_folder() -> Path | None:
    """Where machine code of just this source is stored; None where nothing can be."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = base / "stream-sentinel" / f"compiled-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = _cache_folder()


class _ByContent(_CacheLocator):  # type: ignore[misc]  # the compiler has no types
    """Where the compiler looks for stored machine code: by the content of this package alone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get_cache_path(self) -> str:
        return str(_FOLDER)

    def get_source_stamp(self) -> str:
        return str(_FOLDER)

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _ByContent | None:
        """For functions of this package; None leaves others to the compiler's own rules."""
        ours = _FOLDER is not None and Path(file).resolve().parent == _HERE
        return cls(f"{Path(file).stem}-{function.__name__}") if ours else None


CompileResultCacheImpl._locator_classes.insert(0, _ByContent)


def compiled(function: F) -> F:
    """The function in machine code, made at its first call. Whole numbers are 64 bits wide and wrap around."""
    return cast(F, numba.njit(cache=_FOLDER is not None, error_model="numpy")(function))
