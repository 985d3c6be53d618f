"""JIT compilation of the functions that run for every event, with an on-disk cache keyed by source content.

The state of an entity lies in a few NumPy arrays, and compiled loops work on them. A compiled pass over the at most 512
events that are stored individually takes 40 ns, about the cost of one assignment in Python. So each loop can be as
simple as its definition, in whatever order events arrive.

Compilation takes half a minute, so machine code is cached below the user's cache folder. The cache key is a hash of all
source that the code can be made of, and of the compiler's version. Numba's own key, the path and age of one file, would
keep code that was inlined from another file, and would miss wherever a job's code is shipped to a new folder.

Because of that key, a compiled function may call compiled functions of ``state`` and of its own folder, but no others.
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

_STATE = Path(__file__).resolve().parents[1]
_PACKAGES = tuple(_STATE.parent / package for package in ("state", "models", "udfs"))


@cache
def _cache_folder(source: Path) -> Path | None:
    """Find the cache folder for the functions of a source folder; None if no cache can be written."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted({*_STATE.rglob("*.py"), *source.glob("*.py")}):
        digest.update(file.read_bytes())
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        stored = base / "stream-sentinel" / f"compiled-{source.name}-{digest.hexdigest()[:16]}"
        stored.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return stored if os.access(stored, os.W_OK) else None


class _ByContent(_CacheLocator):  # type: ignore[misc]  # the compiler has no types
    """Numba locator of cached machine code, keyed by the content of its source."""

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
        """Return the locator of a function of this project; None leaves others to Numba's own locators."""
        path = Path(file).resolve()
        folder = _cache_folder(path.parent) if any(path.is_relative_to(package) for package in _PACKAGES) else None
        return None if folder is None else cls(folder, f"{path.stem}-{function.__name__}")


CompileResultCacheImpl._locator_classes.insert(0, _ByContent)


def compiled(function: F) -> F:
    """Decorate a function to be compiled at its first call. Integers have 64 bits and wrap around on overflow."""
    stored = _cache_folder(Path(function.__code__.co_filename).resolve().parent) is not None
    return cast(F, numba.njit(cache=stored, error_model="numpy")(function))
