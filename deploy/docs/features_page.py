"""The reference of features: the catalogue, grouped by the subject of the declarations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from deploy.docs.markdown import anchor, code, table
from deploy.docs.words import texts
from udfs.features.catalogue import CATALOGUE, feature_hash
from udfs.features.feature import Feature
from udfs.features.groups import GROUPS
from udfs.features.risk import DEVICE_RISK, MERCHANT_RISK, Risk
from udfs.features.velocity import DEVICE_VELOCITY, MERCHANT_VELOCITY, USER_VELOCITY, Velocity

HEAD = ("Feature", "Meaning", "Unit", "Range", "Absent when")


class Subject(NamedTuple):
    """A group of features that are declared together.

    Attributes:
        name: by which the texts of the page know it.
        module: that declares them.
        features: with the words of the catalogue, in its order.
    """

    name: str
    module: str
    features: Sequence[Feature]


def subjects() -> list[Subject]:
    """Every feature of the catalogue in one subject, in column order."""
    by_name = {feature.name: feature for feature in CATALOGUE}
    declared: list[tuple[str, str, Iterable[Feature]]] = [
        ("velocity of the user", Velocity.__module__, _declared(USER_VELOCITY)),
        *((group.__name__.rpartition(".")[2], group.__name__, group.FEATURES) for group in GROUPS),  # type: ignore[attr-defined]
        ("velocity of the device", Velocity.__module__, _declared(DEVICE_VELOCITY)),
        ("fraud at the device", Risk.__module__, DEVICE_RISK.features()),
        ("velocity of the merchant", Velocity.__module__, _declared(MERCHANT_VELOCITY)),
        ("fraud at the merchant", Risk.__module__, MERCHANT_RISK.features()),
    ]
    return [Subject(name, module, [by_name[each.name] for each in features]) for name, module, features in declared]


def _declared(velocities: Iterable[Velocity]) -> list[Feature]:
    return [feature for velocity in velocities for feature in velocity.features()]


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    every = subjects()
    names = [subject.name for subject in every]
    headings, intros = texts("features", "headings", names), texts("features", "intros", names)
    rows = (
        (
            f"[{headings[subject.name]}](#{anchor(headings[subject.name])})",
            str(len(subject.features)),
            code(f"{subject.module.replace('.', '/')}.py"),
        )
        for subject in every
    )
    return {
        "number": len(CATALOGUE),
        "hash": feature_hash(),
        "summary": table(("Subject", "Features", "Declared in"), rows),
        "groups": [
            {
                "heading": headings[subject.name],
                "intro": intros[subject.name],
                "table": table(HEAD, map(_row, subject.features)),
            }
            for subject in every
        ],
    }


def _row(feature: Feature) -> tuple[str, ...]:
    bounds = f"{_bound(feature.low)} to {_bound(feature.high)}"
    return code(feature.name), feature.meaning, feature.unit, bounds, feature.absent or "never"


def _bound(value: float) -> str:
    return ("-∞" if value < 0 else "∞") if math.isinf(value) else f"{value:g}"
