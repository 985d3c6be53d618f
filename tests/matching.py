"""Evaluate patterns on a story: records go in, and the payments of each match come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.pipeline.sent import NOW_MS
from udfs.patterns import PatternSet, load_patterns
from udfs.patterns.pending_matches import PendingMatches
from udfs.pipeline import Pipeline
from udfs.stages.pattern_matching import BatchMatcher, PatternMatcher


def matches_of(pipeline: Pipeline, *records: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """The pattern and the payments of each match that a batch reports, in the order of its decisions."""
    _, output = pipeline.process(records, NOW_MS)
    return [(match.pattern, match.transaction_ids) for payment in output.payments for match in payment.matches]


def matches_one_by_one(pipeline: Pipeline, records: Sequence[bytes]) -> list[tuple[str, tuple[str, ...]]]:
    """The matches of records that arrive in a batch each."""
    return [match for record in records for match in matches_of(pipeline, record)]


def found(pattern: str, *records: bytes) -> list[tuple[str, ...]]:
    """The matches of one default pattern in a story that starts from empty profiles, one record per batch."""
    return [payments for name, payments in matches_one_by_one(Pipeline(), records) if name == pattern]


def pattern_set(*steps: Mapping[str, Any], version: int = 1, **overrides: Any) -> PatternSet:
    """A set of one pattern, ``two``, with defaults for all keys that are not overridden."""
    return load_patterns(json.dumps(pattern_body(*steps, version=version, **overrides)))


def pattern_body(*steps: Mapping[str, Any], version: int = 1, **overrides: Any) -> dict[str, Any]:
    """The body of a control record with the set of ``pattern_set``."""
    defaults = {"id": "two", "entity": "user", "within": "1 h", "score": 0.8, "reason": "TWO", "severity": "high"}
    return {"version": version, "patterns": [defaults | {"steps": list(steps)} | overrides]}


def with_pattern(*steps: Mapping[str, Any], **overrides: Any) -> Pipeline:
    """A pipeline with the set of ``pattern_set``."""
    return Pipeline(patterns=pattern_set(*steps, **overrides))


@dataclass
class OneShard:
    """A shard as pattern matching sees it, with event time set by hand."""

    profile: Callable[[str], Any]
    pending: PendingMatches = field(default_factory=PendingMatches)
    watermark: int = 0

    def batch(self, matcher: PatternMatcher, patterns: PatternSet) -> BatchMatcher:
        """Begin a batch of this shard alone."""
        return matcher.batch(patterns, [self], lambda _: self)
