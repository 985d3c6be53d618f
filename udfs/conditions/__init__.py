"""Conditions: a small closed language for rules, read once and evaluated over whole batches."""

from udfs.conditions.columns import Condition, compile_condition
from udfs.conditions.grammar import ConditionError

__all__ = ["Condition", "ConditionError", "compile_condition"]
