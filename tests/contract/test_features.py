"""What every feature owes, whichever it is: found in the catalogue, so a new one is held to it without being named."""

from __future__ import annotations

import keyword
import re

import numpy as np
import pytest

from tests import busy_month
from udfs.conditions.grammar import FUNCTIONS
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES
from udfs.features.feature import Feature, window_name

each_feature = pytest.mark.parametrize("feature", CATALOGUE, ids=lambda feature: feature.name)


def test_the_month_has_a_row_for_every_payment_and_a_column_for_every_feature() -> None:
    month = busy_month.decided()
    assert month.features.shape == (len(month.decisions), len(FEATURE_NAMES))
    assert len({decision.transaction_id for decision in month.decisions}) == len(month.decisions) > 400


@each_feature
def test_its_name_is_entity_what_aggregate_and_window(feature: Feature) -> None:
    window = window_name(feature.window_ms) if feature.window_ms else ""
    parts = [part for part in (feature.entity, feature.what, feature.aggregate, window) if part]
    assert feature.name == "_".join(parts)
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", part) for part in parts)
    assert feature.entity in {"", "user", "merchant", "device"}
    assert FEATURE_NAMES.count(feature.name) == 1


@each_feature
def test_a_rule_can_name_it(feature: Feature) -> None:
    assert feature.name.isidentifier()
    assert not keyword.iskeyword(feature.name)
    assert feature.name not in FUNCTIONS


@each_feature
def test_an_analyst_is_told_what_it_means_and_in_what_unit(feature: Feature) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{10,200}\.", feature.meaning)
    assert feature.unit.strip() == feature.unit != ""
    assert feature.low < feature.high


@each_feature
def test_its_values_are_in_the_range_it_declares(feature: Feature) -> None:
    told = busy_month.decided().column(feature.name)
    given = told[~np.isnan(told)]
    assert given.min() >= feature.low
    assert given.max() <= feature.high
    if feature.unit == "0 or 1":
        assert set(given) == {0.0, 1.0}
    if feature.aggregate in ("count", "distinct"):
        assert (given == np.round(given)).all()


@each_feature
def test_it_tells_some_payments_from_others(feature: Feature) -> None:
    told = busy_month.decided().column(feature.name)
    assert len(np.unique(told[~np.isnan(told)])) > 1


@each_feature
def test_it_is_absent_just_when_it_says_it_may_be(feature: Feature) -> None:
    told = busy_month.decided().column(feature.name)
    assert np.isnan(told).any() == bool(feature.absent)
