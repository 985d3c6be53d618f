"""The names that a condition may use, and the functions of the language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

FUNCTIONS: Mapping[str, int] = {"abs": 1, "log": 1, "min": 2, "max": 2}
"""Number of arguments by function of numbers."""
TESTS: Mapping[str, int] = {"is_absent": 1, "starts_with": 2}
"""Number of arguments by function that holds or does not."""
MAX_PREFIX = 64
"""Maximum length of the text that ``starts_with`` looks for."""


def _as_written(_name: str, text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a condition may use.

    Attributes:
        numbers: names of numbers and of flags, which are 1 or 0.
        texts: names of texts, which are compared with ``==``, ``!=`` and ``in`` only.
        steps: the names that events of an earlier step have, by the name of the step.
        listed: kind of the entity by the name of a text that ``in list('name')`` may look for.
        metadata: whether values of metadata may be used.
        literal: gives the normal form of a text that a named one is compared with; raises ``ValueError`` for a text
            that the named one cannot be.
    """

    numbers: Collection[str]
    texts: Collection[str] = ()
    steps: Mapping[str, Collection[str]] = field(default_factory=dict)
    listed: Mapping[str, str] = field(default_factory=dict)
    metadata: bool = False
    literal: Callable[[str, str], str] = _as_written
