"""The reference of features: the catalogue, grouped by subject."""

from __future__ import annotations

import math
from typing import Any

from deploy.docs.markdown import anchor, code, table
from deploy.docs.words import texts, words
from deploy.errors import OperationError
from udfs.features.catalogue import CATALOGUE, feature_hash
from udfs.features.feature import Feature

HEAD = ("Feature", "Meaning", "Unit", "Range", "Absent when")
_SHARED = {"device": "device", "merchant": "merchant"}
_BY_WHAT = {
    "amount": "amount",
    "time": "time",
    "transaction": "time",
    "hour": "time",
    "merchant": "merchant of the payment",
    "merchant_category": "merchant of the payment",
    "place": "geo",
    "country": "geo",
    "account": "account",
    "account_event": "account",
    "channel": "device and channel",
    "card_present": "device and channel",
    "device": "device and channel",
}
"""The subject of a feature that is no velocity of the user, by the thing that it looks at."""
_USER_AGGREGATES = {"count", "sum", "mean", "max", "min", "std", "distinct", "rate"}
SUBJECTS = (
    "velocity of the user",
    "velocity of some payments",
    *dict.fromkeys(_BY_WHAT.values()),
    "velocity of the device",
    "fraud at the device",
    "velocity of the merchant",
    "fraud at the merchant",
)


def subject(feature: Feature) -> str:
    """The group of the page that a feature belongs to.

    Raises:
        OperationError: it looks at something that no group is about.
    """
    if feature.entity in _SHARED:
        group = "fraud at" if feature.what in ("settled", "fraud") else "velocity of"
        return f"{group} the {_SHARED[feature.entity]}"
    if feature.window_ms and feature.what in ("transaction", "amount", "merchant"):
        if feature.aggregate in _USER_AGGREGATES:
            return "velocity of the user"
        if feature.aggregate in ("first", "last"):
            return "velocity of some payments"
    if feature.window_ms and feature.what.startswith(("declined_", "web_")):
        return "velocity of some payments"
    try:
        return _BY_WHAT[feature.what]
    except KeyError:
        raise OperationError(f"deploy/docs/features_page.py: {feature.name} belongs to no subject") from None


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    groups = {name: [feature for feature in CATALOGUE if subject(feature) == name] for name in SUBJECTS}
    intros = texts("features", "subjects", SUBJECTS)
    headings: dict[str, str] = words("features")["headings"]
    texts("features", "headings", SUBJECTS)
    return {
        "number": len(CATALOGUE),
        "hash": feature_hash(),
        "summary": table(
            ("Subject", "Features"),
            ((f"[{headings[name]}](#{anchor(headings[name])})", str(len(each))) for name, each in groups.items()),
        ),
        "groups": [
            {"heading": headings[name], "intro": intros[name], "table": table(HEAD, map(_row, each))}
            for name, each in groups.items()
        ],
    }


def _row(feature: Feature) -> tuple[str, ...]:
    bounds = f"{_bound(feature.low)} to {_bound(feature.high)}"
    return code(feature.name), feature.meaning, feature.unit, bounds, feature.absent or "never"


def _bound(value: float) -> str:
    return ("-∞" if value < 0 else "∞") if math.isinf(value) else f"{value:g}"
