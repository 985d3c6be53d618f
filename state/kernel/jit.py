"""JIT compilation of the functions that run for every event, with an on-disk cache keyed by content.

Per-entity state lies in a few NumPy arrays, and plain loops over them do the work. Compiled, a pass over the 512 events
that are kept at most takes 40 ns, about the cost of one assignment in Python; so each loop can be as simple as its
definition, in whatever order events arrive.

Compiling takes half a minute, so the machine code is cached below the user's cache folder. The key is a hash of all
source that the code can have been made of, and the version of the compiler. Numba's own key, the path and age of one
file, would keep code that was inlined from another file, and would miss wherever a job's code is shipped to a new
folder.

A compiled function may therefore call compiled functions of ``state`` and of its own folder, and no others.
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
_ROOMS = tuple(_STATE.parent / room for room in ("state", "models", "udfs"))


@cache
def _cache_folder(source: Path) -> Path | None:
    """Folder of the machine code of a source folder's functions; None if no cache can be written."""
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
    """Locates cached machine code by the content of the source it was made of."""

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
        """The locator of a function of this project; None leaves others to Numba's own locators."""
        path = Path(file).resolve()
        folder = _cache_folder(path.parent) if any(path.is_relative_to(room) for room in _ROOMS) else None
        return None if folder is None else cls(folder, f"{path.stem}-{function.__name__}")


CompileResultCacheImpl._locator_classes.insert(0, _ByContent)


def compiled(function: F) -> F:
    """Compile a function at its first call. Integers are 64 bits wide and wrap around."""
    stored = _cache_folder(Path(function.__code__.co_filename).resolve().parent) is not None
    return cast(F, numba.njit(cache=stored, error_model="numpy")(function))
