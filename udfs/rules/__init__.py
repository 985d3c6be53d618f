"""Rules: versioned data, validated on load and replaced while the job runs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from udfs.rules.loading import RuleError, load_rules
from udfs.rules.rule import Mode, Rule
from udfs.rules.rule_set import RuleHits, RuleSet

__all__ = ["Mode", "Rule", "RuleError", "RuleHits", "RuleSet", "default_rules", "load_rules"]


def default_rules(names: Sequence[str]) -> RuleSet:
    """Load the rules that ship with the product.

    Args:
        names: names of the feature columns, in order.
    """
    return load_rules(files(__package__).joinpath("defaults.yaml").read_text(), names)
