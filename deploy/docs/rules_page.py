"""The reference of the default rules, from the YAML that comes with the product."""

from __future__ import annotations

from typing import Any

from deploy.docs.markdown import code, table
from deploy.docs.words import texts
from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import default_rules
from udfs.rules.rule import Rule


def effect(rule: Rule) -> str:
    """What follows from a rule, in few words."""
    if rule.action is not None:
        return f"at least {code(rule.action)}"
    return f"+{rule.add:g}" if rule.add is not None else f"at least {rule.at_least:g}"


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    rules = default_rules(FEATURE_NAMES)
    meanings = texts("rules", "rules", (rule.id for rule in rules.all))
    keys = texts("rules", "keys", Rule.__struct_fields__)
    return {
        "version": rules.version,
        "number": len(rules.all),
        "rules": table(
            ("Rule", "Score", "Holds for a payment", "Condition"),
            ((code(rule.id), effect(rule), meanings[rule.id], code(rule.when)) for rule in rules.all),
        ),
        "keys": table(("Key", "Meaning"), ((code(name), text) for name, text in keys.items())),
    }
