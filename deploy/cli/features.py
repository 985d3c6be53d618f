"""``sentinel features``: show the catalogue of features."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import typer
from rich.table import Column, Table

from deploy.console import console, say
from udfs.features.catalogue import CATALOGUE, feature_hash
from udfs.features.feature import Feature


def features(
    containing: Annotated[str, typer.Argument(help="Only features whose name contains this text.")] = "",
    json: Annotated[bool, typer.Option("--json", help="As JSON, one feature per line.")] = False,
) -> None:
    """Show the catalogue of features: meaning, unit, range, and when a value is absent."""
    chosen = [feature for feature in CATALOGUE if containing in feature.name]
    if json:
        for feature in chosen:
            say(msgspec.json.encode(_as_json(feature)).decode())
        return
    table = Table(Column("feature", no_wrap=True), "meaning", "unit", Column("range", no_wrap=True), "absent when")
    for feature in chosen:
        table.add_row(feature.name, feature.meaning, feature.unit, _range(feature), feature.absent or "never")
    console.print(table)
    say(f"{len(chosen)} of {len(CATALOGUE)} features; hash of the catalogue: {feature_hash()}")


def _range(feature: Feature) -> str:
    return f"{_bound(feature.low)} to {_bound(feature.high)}"


def _bound(value: float) -> str:
    return "unbounded" if math.isinf(value) else f"{value:g}"


def _as_json(feature: Feature) -> dict[str, object]:
    bounds = {
        name: None if math.isinf(value) else value for name, value in (("low", feature.low), ("high", feature.high))
    }
    return {
        "name": feature.name,
        "entity": feature.entity or None,
        "window_ms": feature.window_ms or None,
        "meaning": feature.meaning,
        "unit": feature.unit,
        **bounds,
        "absent": feature.absent or None,
    }
