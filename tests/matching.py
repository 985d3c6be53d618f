"""What the patterns say of a story: records in, the payments that each match names out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.pipeline.sent import NOW_MS
from udfs.patterns import PatternSet, load_patterns
from udfs.pipeline import Pipeline


def matches_of(one: Pipeline, *records: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """The patterns that a batch completes, each with the payments that it names, in the order of decisions."""
    _, output = one.process(records, NOW_MS)
    return [(match.pattern, match.transaction_ids) for payment in output.payments for match in payment.matches]


def found(pattern: str, *records: bytes) -> list[tuple[str, ...]]:
    """What one of the ready patterns finds in a story that begins with nothing known, told payment by payment."""
    one = Pipeline()
    return [named for record in records for name, named in matches_of(one, record) if name == pattern]


def pattern_set(*steps: Mapping[str, Any], version: int = 1, **given: Any) -> PatternSet:
    """A set of one pattern, ``two``: what a test does not say of it is ordinary."""
    return load_patterns(json.dumps(pattern_body(*steps, version=version, **given)))


def pattern_body(*steps: Mapping[str, Any], version: int = 1, **given: Any) -> dict[str, Any]:
    """The same as a control record has it."""
    ordinary = {"id": "two", "entity": "user", "within": "1 h", "score": 0.8, "reason": "TWO", "severity": "high"}
    return {"version": version, "patterns": [ordinary | {"steps": list(steps)} | given]}


def with_pattern(*steps: Mapping[str, Any], **given: Any) -> Pipeline:
    """A pipeline in which that pattern alone is looked for."""
    return Pipeline(patterns=pattern_set(*steps, **given))


def matches_one_by_one(one: Pipeline, records: Sequence[bytes]) -> list[tuple[str, tuple[str, ...]]]:
    """The same in as many batches as there are records."""
    return [match for record in records for match in matches_of(one, record)]
