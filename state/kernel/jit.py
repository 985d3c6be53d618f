"""Compiles the functions that run for every event, from Python to machine code.

What is remembered of an entity lies in a few NumPy arrays, and plain loops over them do the work. Compiled, a pass
over the 512 events that are kept at most takes 40 ns, about what Python needs for one assignment; so the loops may be
as simple as the definition, whatever the order in which events come.

The machine code is stored, since to make it takes half a minute: in the user's cache, in a folder named after the
source that it may have been made of and the version of the compiler. The compiler's own rule goes by the path and the
age of the one file that a function stands in. It would keep code of another file that was compiled into it, and find
nothing where a job's code is shipped to a new folder for each start.

So a compiled function calls those of this package, and of the folder that it stands in itself, and no others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import CompileResultCacheImpl, _CacheLocator

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).resolve().parent
_ROOMS = tuple(_HERE.parent / room for room in ("state", "models", "udfs"))


@cache
def _cache_folder(source: Path) -> Path | None:
    """Where machine code of the functions in a folder is stored; None where nothing can be."""
    digest = hashlib.sha256(numba.__version__.encode())
    for folder in dict.fromkeys((_HERE, source)):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        stored = base / "stream-sentinel" / f"compiled-{source.name}-{digest.hexdigest()[:16]}"
        stored.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return stored if os.access(stored, os.W_OK) else None


class _ByContent(_CacheLocator):  # type: ignore[misc]  # the compiler has no types
    """Where the compiler looks for stored machine code: by the content of what it may have been made of."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return str(self._folder)

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _ByContent | None:
        """For functions of the project; None leaves others to the compiler's own rules."""
        path = Path(file).resolve()
        folder = _cache_folder(path.parent) if any(path.is_relative_to(room) for room in _ROOMS) else None
        return None if folder is None else cls(folder, f"{path.stem}-{function.__name__}")


CompileResultCacheImpl._locator_classes.insert(0, _ByContent)


def compiled(function: F) -> F:
    """The function in machine code, made at its first call. Whole numbers are 64 bits wide and wrap around."""
    stored = _cache_folder(Path(function.__code__.co_filename).resolve().parent) is not None
    return cast(F, numba.njit(cache=stored, error_model="numpy")(function))
