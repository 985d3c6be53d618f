"""Patterns: sequences of events that indicate fraud, as versioned data that is replaced while the job runs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from udfs.patterns.loading import PatternError, load_patterns
from udfs.patterns.pattern import Entity, Match, Pattern
from udfs.patterns.pattern_set import EntityPatterns, PatternSet

__all__ = [
    "Entity",
    "EntityPatterns",
    "Match",
    "Pattern",
    "PatternError",
    "PatternSet",
    "default_patterns",
    "load_patterns",
]


@cache
def default_patterns() -> PatternSet:
    """Load the patterns that ship with the product."""
    return load_patterns(files(__package__).joinpath("defaults.yaml").read_text())
