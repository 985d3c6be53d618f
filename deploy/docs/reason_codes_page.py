"""The reference of reason codes: of refused records, default rules, default patterns, and the model."""

from __future__ import annotations

from typing import Any

from deploy.docs.markdown import code, codes, table
from deploy.docs.words import texts
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import ListedEntity, ListName, Refused, list_reason
from udfs.patterns import default_patterns
from udfs.rules import default_rules


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    refused = texts("reason-codes", "refused", (reason.value for reason in Refused))
    rules = sorted((rule.reason, rule.id) for rule in default_rules(FEATURE_NAMES).all)
    patterns = sorted((pattern.reason, pattern.id) for pattern in default_patterns().all)
    return {
        "refused": table(("Reason", "Fault"), ((code(reason), text) for reason, text in refused.items())),
        "rules": table(("Reason", "Rule"), ((code(reason), code(rule)) for reason, rule in rules)),
        "patterns": table(("Reason", "Pattern"), ((code(reason), code(pattern)) for reason, pattern in patterns)),
        "list_examples": codes(list_reason(name, entity) for name, entity in zip(ListName, ListedEntity, strict=False)),
        "model_examples": codes(f"MODEL_{name.upper()}" for name in FEATURE_NAMES[:1]),
    }
