"""A condition gives the same result for a row of a batch, for a single event and in the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.conditions import holds, text_of
from udfs.conditions import ConditionError, ConditionSet, Vocabulary, compile_condition, compile_scalar, parse_condition
from udfs.conditions.tree import (
    Arithmetic,
    Call,
    Comparison,
    Expression,
    IsAbsent,
    IsMember,
    Junction,
    Name,
    Not,
    Number,
    Predicate,
)

NAMES = ("amount", "user_amount_zscore", "card_present")

_numbers = st.sampled_from([0.0, 0.5, 1.0, 3.0, 7.25, 500.0, 1e300])
_leaves: st.SearchStrategy[Expression] = st.one_of(st.builds(Number, _numbers), st.builds(Name, st.sampled_from(NAMES)))


def _calculations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Arithmetic, st.sampled_from("+-*"), inner, inner),
        # min of 0 and -0, which are equal, may be either, so it is no divisor.
        st.builds(Arithmetic, st.just("/"), inner, _leaves),
        st.builds(Call, st.just("abs"), st.tuples(inner)),
        st.builds(Call, st.sampled_from(["min", "max"]), st.tuples(inner, inner)),
    )


_values = st.recursive(_leaves, _calculations, max_leaves=6)
# The last digit of a logarithm depends on the implementation, so it is no operand.
_sides = st.one_of(_values, _values.map(lambda value: Call("log", (value,))))
_comparisons: st.SearchStrategy[Predicate] = st.one_of(
    st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _sides, _sides),
    st.builds(IsAbsent, _values),
    st.builds(
        IsMember, _values, st.lists(st.builds(Number, _numbers), min_size=1, max_size=4).map(tuple), st.booleans()
    ),
)
conditions = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Junction, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=6,
)
_cells = st.sampled_from([math.nan, -math.inf, -500.0, -1.0, 0.0, 0.5, 1.0, 3.0, 7.25, 1e300, math.inf])
batches = st.lists(st.tuples(*(_cells for _ in NAMES)), max_size=8)


@given(conditions, batches)
@pytest.mark.filterwarnings("error")
def test_a_batch_is_evaluated_as_its_rows_are(condition: Predicate, rows: list[tuple[float, ...]]) -> None:
    matrix = np.array(rows, np.float64).reshape(len(rows), len(NAMES))
    hits = compile_condition(text_of(condition), NAMES)(matrix)
    assert hits.dtype == np.bool_
    assert hits.tolist() == [holds(condition, dict(zip(NAMES, row, strict=True))) for row in rows]


@given(st.lists(conditions, max_size=5), batches)
def test_conditions_evaluated_together_give_the_results_of_each_alone(
    together: list[Predicate], rows: list[tuple[float, ...]]
) -> None:
    matrix = np.array(rows, np.float64).reshape(len(rows), len(NAMES))
    # The last name is in the extra columns, and the second is a constant.
    row_hits = ConditionSet(together, {NAMES[0]: 0, NAMES[2]: 1}, {NAMES[1]: 3.0}).evaluate(
        matrix[:, :1], matrix[:, 2:]
    )
    hits = np.split(row_hits.indices, row_hits.ends)[:-1]
    matrix[:, 1] = 3.0
    named = [dict(zip(NAMES, row, strict=True)) for row in matrix.tolist()]
    assert [list(each) for each in hits] == [
        [number for number, condition in enumerate(together) if holds(condition, row)] for row in named
    ]


@given(conditions, batches)
def test_a_single_event_is_evaluated_as_a_row_is(condition: Predicate, rows: list[tuple[float, ...]]) -> None:
    predicate = compile_scalar(condition, {name: place for place, name in enumerate(NAMES)}, {})
    for row in rows:
        assert predicate(row, ()) == holds(condition, dict(zip(NAMES, row, strict=True)))


@given(conditions)
def test_a_tree_survives_writing_and_parsing(condition: Predicate) -> None:
    assert parse_condition(text_of(condition), Vocabulary(NAMES)) == condition


_words = st.sampled_from(
    [
        *NAMES,
        *"()+-*/<>=!#,.:[]{}'\"\\\n\r\t\0@%&|^~;",
        *("and", "or", "not", "is", "in", "if", "else", "for", "lambda", "await", "yield", "None", "True", "print"),
        *(" ", "==", "!=", ":=", "**", "//", "0", "1", "1e999", "1j", "0x", "1_", "abs", "is_absent", "é", "\ud800"),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(_words, max_size=30).map("".join), st.lists(_words).map(" ".join)))
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_any_text_is_a_condition_or_an_error_that_lies_in_the_text(text: str) -> None:
    try:
        condition = compile_condition(text, NAMES)
    except ConditionError as error:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.message
    else:
        assert condition(np.ones((2, len(NAMES)))).shape == (2,)
