"""Run the tests that stand beside the rules of a document."""

from __future__ import annotations

from udfs.control.editing import Document
from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import load_rules
from udfs.rules.testing import RuleTestResult, run_tests

_COLUMNS = {name: column for column, name in enumerate(FEATURE_NAMES)}


def run_rule_tests(document: Document) -> list[RuleTestResult]:
    """Run all tests of all rules, those that are off included; the document must be valid.

    Args:
        document: of rules.
    """
    return run_tests(load_rules(document, FEATURE_NAMES), _COLUMNS)
