"""Patterns are loaded from YAML; all problems are reported at once, with line and column."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import pattern_body, pattern_set
from udfs.patterns import PatternError, default_patterns, load_patterns
from udfs.patterns.checking import MAX_STEPS
from udfs.patterns.loading import MAX_PATTERNS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(PatternError) as caught:
        load_patterns(dedent(text))
    return caught.value.problems


def one(steps: str, **overrides: str) -> str:
    """A document of one pattern whose steps begin in line 3, column 5."""
    defaults = {"id": "p", "entity": "user", "within": "1 h", "score": "0.5", "reason": "P", "severity": "low"}
    rest = "".join(f"\n  {key}: {value}" for key, value in (defaults | overrides).items())
    return f"version: 1\npatterns:\n- steps: {steps}{rest}\n"


def test_the_examples_of_the_documentation_are_patterns() -> None:
    page = (DOCS / "how-to" / "fraud" / "write-a-pattern.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert blocks
    assert all(load_patterns(block).all for block in blocks)


def test_json_is_read_like_yaml() -> None:
    assert pattern_set({"name": "a", "where": "amount < 1"}).all[0].id == "two"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: expected a mapping with `version` and a list of `patterns`"),
        ("version: 1\npatterns: [5]", "line 2, column 12: pattern that is no mapping: "),
        (one("[]"), f"line 3, column 10: pattern p: a pattern has 1 to {MAX_STEPS} steps, not 0"),
        (one("[{name: a, at_least: many}]"), "line 3, column 31: pattern p: Expected `int | null`, got `str`"),
        (one("[{name: a, on: login}]"), "line 3, column 11: pattern p: Object contains unknown field `on`"),
        (one("[{name: a, 5: login}]"), "line 3: the key '5' is no text; put it in quotes"),
        (one("[{name: A}]"), "line 3, column 18: pattern p: step A: a name has lower-case letters"),
        (one("[{name: previous}]"), "line 3, column 18: pattern p: step previous: a name has"),
        (one("[{name: a}, {name: a}]"), "line 3, column 29: pattern p: there are two steps named a"),
        (one("[{name: a, kind: logout}]"), "line 3, column 27: pattern p: step a: the kinds of events of a user are "),
        (
            one("[{name: a, kind: login}]", entity="device"),
            "line 3, column 27: pattern p: step a: the kinds of events of a device",
        ),
        (one("[{name: a, times: 2, at_least: 2}]"), "line 3, column 28: pattern p: step a: times excludes at_least"),
        (one("[{name: a, at_least: 0}]"), "line 3, column 31: pattern p: step a: a step has at least one event"),
        (
            one("[{name: a, at_least: 3, at_most: 2}]"),
            "line 3, column 43: pattern p: step a: at_most 2 is less than at_least 3",
        ),
        (
            one("[{name: a, at_least: 99}]"),
            "line 3, column 10: pattern p: a match needs 99 events, but at most 32 are buffered",
        ),
        (
            one("[{name: a, optional: true}, {name: b}]"),
            "line 3, column 11: pattern p: the first step cannot be absent or optional",
        ),
        (
            one("[{name: a}, {name: b, optional: true}]"),
            "line 3, column 22: pattern p: the last step that is not absent",
        ),
        (one("[{name: a, gap: 5 min}]"), "line 3, column 11: pattern p: no event precedes the first one"),
        (one("[{name: a}, {name: b, absent: true}]"), "line 3, column 22: pattern p: an absent step at the end needs"),
        (
            one("[{name: a}, {name: b, absent: true, times: 2}, {name: c}]"),
            "line 3, column 53: pattern p: step b: an absent",
        ),
        (
            one("[{name: a, distinct: merchant_id}]"),
            "line 3, column 31: pattern p: step a: distinct needs at_least",
        ),
        (
            one("[{name: a, distinct: colour, at_least: 2}]"),
            "line 3, column 31: pattern p: step a: its events have no 'colour'",
        ),
        (
            one("[{name: a}]", within="an hour"),
            "line 6, column 11: pattern p: 'an hour' is no duration from 1 s to 30 d",
        ),
        (one("[{name: a}]", score="2"), "line 7, column 10: pattern p: a score is above 0 and at most 1, not 2"),
        (one("[{name: a}]", reason="because"), "line 8, column 11: pattern p: a reason is a code like"),
        (
            one("[{name: a, where: amuont > 1}]"),
            "line 3, column 28: pattern p, step a: unknown name 'amuont'",
        ),
        (one("[{name: a, where: 'amount > b.amount'}]"), "line 3, column 38: pattern p, step a: expected a number"),
        (
            one("[{name: a}, {name: b, where: amount > c.amount}]"),
            "line 3, column 48: pattern p, step b: no earlier step",
        ),
        (
            one("[{name: a}, {name: b, where: amount > a.amuont}]"),
            "line 3, column 48: pattern p, step b: events of step a",
        ),
        (
            one("[{name: a, kind: login}, {name: b, where: amount > a.amount}]"),
            "line 3, column 61: pattern p, step b: events of",
        ),
        (
            one("[{name: a, where: channel > 'web'}]"),
            "line 3, column 28: pattern p, step a: texts are compared with ==",
        ),
        (one("[{name: a, where: channel == 5}]"), "line 3, column 28: pattern p, step a: a text can be compared with"),
        (one("[{name: a, where: channel + 1 > 5}]"), "line 3, column 28: pattern p, step a: cannot calculate with"),
        (
            one("[{name: a, kind: login, where: amount > 5}]"),
            "line 3, column 41: pattern p, step a: unknown name",
        ),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_line_and_column(text: str, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)


def test_a_problem_in_a_block_is_found_in_its_own_line() -> None:
    text = one("\n  - name: a\n    where: |\n      amount > 1\n        and amuont < 2")
    assert problems_of(text)[0].startswith("line 7, column 13: pattern p, step a: unknown name 'amuont'")


def test_every_problem_is_named_at_once() -> None:
    first, second = one("[{name: a, where: amuont > 1}]"), one("[{name: A}]", score="7")
    assert len(problems_of(first + second.partition("patterns:\n")[2])) == 3


@pytest.mark.parametrize(
    "where",
    ["a.__class__ == 1", "__import__('os') == 1", "amount.real > 1", "channel['x'] == 'y'", "f'{amount}' == channel"],
)
def test_nothing_of_python_gets_in(where: str) -> None:
    with pytest.raises(PatternError):
        pattern_set({"name": "a"}, {"name": "b", "where": where})


def test_two_patterns_of_one_id_are_refused() -> None:
    body = pattern_body({"name": "a"})
    body["patterns"] *= 2
    (problem,) = problems_of(json.dumps(body))
    assert "an earlier pattern has the same id" in problem


def test_there_is_an_end_to_the_number_of_patterns() -> None:
    (problem,) = problems_of("version: 1\npatterns: [" + "{}," * (MAX_PATTERNS + 1) + "]")
    assert problem == f"line 1: at most {MAX_PATTERNS} patterns are allowed, found {MAX_PATTERNS + 1}"


def test_a_pattern_that_is_disabled_is_not_looked_for() -> None:
    disabled = pattern_set({"name": "a"}, enabled=False)
    assert disabled.versions == {}
    assert disabled.all[0].id == "two"


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@given(st.sampled_from([pattern.id for pattern in default_patterns().all]), st.data())
def test_any_pattern_with_any_value_anywhere_is_read_or_refused(name: str, data: st.DataObject) -> None:
    step: dict[str, Any] = {"name": "a", "where": "amount > 1"}
    body = pattern_body(step, {"name": "b"})
    place = data.draw(st.sampled_from([step, body["patterns"][0], body]))
    place[data.draw(st.sampled_from([*place, "kind", "times", "at_least", "distinct", "gap", "absent", name]))] = (
        data.draw(_values)
    )
    try:
        load_patterns(json.dumps(body, ensure_ascii=data.draw(st.booleans())))
    except PatternError as error:
        assert all(error.problems)
