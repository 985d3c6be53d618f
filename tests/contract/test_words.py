"""The language of the code: retired names stay retired, and no class name of the product stands for two things.

``docs/concepts/glossary.md`` explains the words that replaced them.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("state", "udfs", "models", "flink_jobs", "apps", "deploy", "tests")
OURSELVES = Path(__file__).resolve()

RETIRED_WORDS: Mapping[str, Mapping[str, str]] = {
    "events and profiles": {
        "told": "out, reported or computed",
        "tell": "aggregate or lookup",
        "fact": "event",
        "facts": "events",
        "parties": "counterparties",
        "habits": "behavior",
        "surroundings": "geo_and_channel",
        "singles": "a name by subject",
        "noted": "AddressedArray",
    },
    "state": {
        "beside": "aux_state",
        "backing": "keyed_state",
        "seal": "encode",
        "seals": "encode",
        "sealed": "encoded",
    },
    "stages": {
        "handoff": "stage_message",
        "handoffs": "stage_messages",
        "regather": "downstream_mini_batch",
        "ungather": "explode",
        "gather": "mini_batch",
        "unfold": "explode",
        "tally": "minute_totals or MinuteAggregator",
        "verdicts": "decisions or DecisionBatch",
        "graver": "max_level",
        "metering": "operator_metrics",
    },
    "benchmarks and chaos": {
        "contestant": "runner",
        "rung": "rate_step",
        "climb": "ramp_up",
        "flatness": "trend",
        "trial": "campaign",
        "trials": "campaigns",
        "scene": "target",
        "heal": "revert",
        "witness": "decision_recorder",
        "disturbance": "infrastructure_fault",
    },
}
"""Words that no identifier contains, each with the word to use instead."""

RETIRED_NAMES: Mapping[str, Mapping[str, str]] = {
    "events and profiles": {
        "told_of": "events",
        "kept": "recent_events",
        "older": "tiles",
        "news": "log_buffer",
        "where": "layout or filter",
        "go_over": "run_batch",
        "learn": "update",
        "take": "update",
        "take_again": "replay",
    },
    "state": {
        "whole": "materialize or combined",
        "open_whole": "decode_snapshot",
        "gone": "truncated",
        "put_all": "put_many",
        "forgotten": "evicted",
        "let_go": "prune",
        "given_up": "search_truncated",
    },
    "stages": {
        "hand_over": "partition_by_shard",
        "watched": "matcher",
        "waiting": "pending",
        "bands": "thresholds",
        "happened": "account_events",
        "given": "attributes or options",
        "settle": "on_watermark",
        "wake": "register_timer",
        "stretch": "max_stretch",
    },
    "set-up and operation": {
        "ready": "default or warm_up",
        "make_ready": "warm_up",
        "ready_rules": "default_rules",
        "ready_patterns": "default_patterns",
        "act": "experiment",
        "apart": "with_namespace",
        "own": "ephemeral",
        "say": "report",
        "quiet_run": "golden_run",
        "waves": "rounds or batches",
        "law": "fit",
        "spelling": "formatting",
        "even": "uniform",
    },
}
"""Ordinary words that are no name by themselves: they said too little, or stood for several things."""

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("where", "udfs/patterns/pattern.py"): "the key of a step of a pattern, as in SQL",
    ("where", "udfs/patterns/loading.py"): "the node of that key",
    ("where", "tests/unit/test_pattern_loading.py"): "the condition of a step",
    ("where", "tests/property/test_patterns.py"): "the condition of a step",
    ("given", "udfs/rules/rule.py"): "the key of a test of a rule, as in `given` and `expect`",
    ("say", "deploy/console.py"): "prints a line for people; progress is reported by callbacks named `report`",
    ("own", "tests/unit/test_replay_mapping.py"): "a row with the product's own column names, as users call them",
}
"""Retired names that stand, by name and file, with the reason."""

DOUBLE_CLASSES: Mapping[str, str] = {
    "DeadLetter": "the same record: encoded by the stages, decoded by the commands",
}
"""Class names that are defined twice, with the reason."""


class Identifier(NamedTuple):
    """A name that is defined in a file."""

    name: str
    file: str
    line: int


def defined_in_python(file: Path) -> Iterator[tuple[str, int]]:
    """The classes, functions, parameters, attributes and variables that a file defines; not what it imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((alias.asname, node.lineno) for alias in names if alias.asname)


_JAVA_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', re.DOTALL)


def defined_in_java(file: Path) -> Iterator[tuple[str, int]]:
    """Every identifier of a Java file outside of comments and texts."""
    text = _JAVA_TEXT.sub(lambda found: "\n" * found[0].count("\n"), file.read_text())
    for number, line in enumerate(text.split("\n"), 1):
        yield from ((name, number) for name in re.findall(r"[A-Za-z_]\w*", line))


def snake_case(name: str) -> str:
    """``MiniBatch``, ``miniBatch`` and ``_MINI_BATCH`` as ``mini_batch``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def identifiers() -> list[Identifier]:
    found: list[Identifier] = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*")):
            if file.suffix not in (".py", ".java", ".yaml", ".sh") or file == OURSELVES:
                continue
            path = file.relative_to(ROOT)
            found += [Identifier(part, str(path), 0) for part in path.with_suffix("").parts]
            if file.suffix == ".py":
                found += [Identifier(name, str(path), line) for name, line in defined_in_python(file)]
            elif file.suffix == ".java":
                found += [Identifier(name, str(path), line) for name, line in defined_in_java(file)]
    return found


IDENTIFIERS = identifiers()


@pytest.mark.parametrize("group", RETIRED_WORDS)
def test_no_identifier_contains_a_retired_word(group: str) -> None:
    retired = RETIRED_WORDS[group]
    wrong = [
        f"{file}:{line} {name}: say {retired[word]}"
        for name, file, line in IDENTIFIERS
        for word in snake_case(name).split("_")
        if word in retired and (word, file) not in EXCEPTIONS
    ]
    assert not wrong


@pytest.mark.parametrize("group", RETIRED_NAMES)
def test_no_identifier_is_a_retired_name(group: str) -> None:
    retired = RETIRED_NAMES[group]
    wrong = [
        f"{file}:{line} {name}: say {retired[word]}"
        for name, file, line in IDENTIFIERS
        if (word := snake_case(name).removeprefix("test_")) in retired and (word, file) not in EXCEPTIONS
    ]
    assert not wrong


def test_the_exceptions_are_needed() -> None:
    stand = {(snake_case(name), file) for name, file, _ in IDENTIFIERS}
    assert [exception for exception in EXCEPTIONS if exception not in stand] == []


def class_files() -> dict[str, list[str]]:
    """The files that define each public class of the product."""
    files: dict[str, list[str]] = defaultdict(list)
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")) if room != "tests" else ():
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    files[node.name].append(str(file.relative_to(ROOT)))
    return files


def test_no_class_name_stands_for_two_things() -> None:
    double = {name: files for name, files in class_files().items() if len(files) > 1}
    assert {name: files for name, files in double.items() if name not in DOUBLE_CLASSES} == {}
    assert double.keys() == DOUBLE_CLASSES.keys()
