"""Conditions: the closed expression language of rules and patterns, evaluated over batches or single events."""

from udfs.conditions.codes import code_of
from udfs.conditions.columns import Condition, ConditionSet, RowHits, compile_condition
from udfs.conditions.condition_text import MAX_TOKENS, TOO_MANY_TOKENS, ConditionError, count_tokens
from udfs.conditions.grammar import parse_condition
from udfs.conditions.scalar import EventPredicate, compile_scalar
from udfs.conditions.vocabulary import Vocabulary

__all__ = [
    "MAX_TOKENS",
    "TOO_MANY_TOKENS",
    "Condition",
    "ConditionError",
    "ConditionSet",
    "EventPredicate",
    "RowHits",
    "Vocabulary",
    "code_of",
    "compile_condition",
    "compile_scalar",
    "count_tokens",
    "parse_condition",
]
