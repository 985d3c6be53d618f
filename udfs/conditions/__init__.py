"""Conditions: a small closed language for rules and patterns, evaluated over whole batches or over single events."""

from udfs.conditions.codes import code_of
from udfs.conditions.columns import Condition, Conditions, RowHits, compile_condition
from udfs.conditions.grammar import ConditionError, Vocabulary, parse_condition
from udfs.conditions.scalar import Question, compile_scalar

__all__ = [
    "Condition",
    "ConditionError",
    "Conditions",
    "Question",
    "RowHits",
    "Vocabulary",
    "code_of",
    "compile_condition",
    "compile_scalar",
    "parse_condition",
]
