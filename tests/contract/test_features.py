"""What every feature owes, whichever it is: found in the catalogue, so a new one is held to it without being named."""

from __future__ import annotations

import importlib
import keyword
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import udfs.features
from state.kernel.money import UNITS
from state.profiles import behavior, shared_profile, user_profile
from state.windowing import event_schema
from tests import busy_month
from udfs.conditions.vocabulary import FUNCTIONS
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES, USER_FEATURES
from udfs.features.feature import Feature, window_name
from udfs.features.groups import GROUP_FEATURES, GROUPS, FeatureGroup, fill_groups
from udfs.features.inputs import ATTRIBUTES_WIDTH, FeatureInputs
from udfs.features.risk import DEVICE_RISK, MERCHANT_RISK, Risk, fill_risk
from udfs.features.velocity import DEVICE_VELOCITY, MERCHANT_VELOCITY, USER_VELOCITY, Velocity
from udfs.features.velocity_block import VelocityBlock

NOT_WRITTEN = -12_345.678

each_feature = pytest.mark.parametrize("feature", CATALOGUE, ids=lambda feature: feature.name)
each_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__.rpartition(".")[2])


class RecordingRow:
    """Records the columns that a formula writes."""

    def __init__(self) -> None:
        self.written: list[int] = []

    def __setitem__(self, column: int, value: float) -> None:
        self.written.append(column)


def test_every_module_that_declares_features_is_a_group() -> None:
    folder = Path(next(iter(udfs.features.__path__)))
    modules = [importlib.import_module(f"udfs.features.{file.stem}") for file in folder.glob("[!_]*.py")]
    groups: set[object] = set(GROUPS)
    assert groups == {module for module in modules if hasattr(module, "FEATURES")}


@each_group
def test_its_formula_writes_each_declared_feature_once(group: FeatureGroup) -> None:
    formula: Callable[[FeatureInputs, RecordingRow], None] = group.compute.py_func  # type: ignore[attr-defined]
    row = RecordingRow()
    formula(FeatureInputs(*[float(UNITS)] * len(FeatureInputs._fields)), row)
    assert sorted(row.written) == list(range(len(group.FEATURES)))


def test_the_compiled_pass_writes_the_columns_of_all_groups_and_no_other() -> None:
    columns = np.full((2, 1 + len(GROUP_FEATURES)), NOT_WRITTEN)
    fill_groups(
        columns,
        1,
        np.ones((2, event_schema.USER_EVENT_WIDTH), np.int64),
        np.ones((2, ATTRIBUTES_WIDTH)),
        np.ones((2, behavior.OUT_WIDTH)),
    )
    assert (columns[:, 0] == NOT_WRITTEN).all()
    unwritten = (columns[:, 1:] == NOT_WRITTEN).any(axis=0)
    assert [feature.name for feature, missing in zip(GROUP_FEATURES, unwritten, strict=True) if missing] == []
    assert USER_FEATURES[-len(GROUP_FEATURES) :] == GROUP_FEATURES


@pytest.mark.parametrize("velocities", [USER_VELOCITY, DEVICE_VELOCITY, MERCHANT_VELOCITY])
def test_every_velocity_has_its_columns_and_no_other(velocities: Sequence[Velocity]) -> None:
    block = VelocityBlock(velocities)
    columns = np.full((2, block.width + 1), NOT_WRITTEN)
    block.fill(columns, block.allocate(2))
    assert (columns[:, :-1] != NOT_WRITTEN).all()
    assert (columns[:, -1] == NOT_WRITTEN).all()
    assert block.width == sum(len(velocity.features()) for velocity in velocities)


def test_no_window_reaches_beyond_the_history_of_its_profile() -> None:
    retention = {"user": user_profile.LONGEST_MS} | dict.fromkeys(("device", "merchant"), shared_profile.LONGEST_MS)
    for velocity in (*USER_VELOCITY, *DEVICE_VELOCITY, *MERCHANT_VELOCITY):
        assert max(velocity.windows_ms) <= retention[velocity.entity]
    for risk in (DEVICE_RISK, MERCHANT_RISK):
        assert risk.delay_ms + max(risk.windows_ms) <= retention[risk.entity]


@pytest.mark.parametrize("risk", [DEVICE_RISK, MERCHANT_RISK])
def test_every_risk_has_its_columns_and_no_other(risk: Risk) -> None:
    width = len(risk.features())
    columns = np.full((2, 1 + width + 1), NOT_WRITTEN)
    fill_risk(columns, 1, np.ones((2, len(risk.windows_ms), 2)))
    assert (columns[:, 1:-1] != NOT_WRITTEN).all()
    assert (columns[:, [0, -1]] == NOT_WRITTEN).all()


def test_the_month_has_a_row_for_every_payment_and_a_column_for_every_feature() -> None:
    month = busy_month.decided()
    assert month.features.shape == (len(month.decisions), len(FEATURE_NAMES))
    assert len({decision.transaction_id for decision in month.decisions}) == len(month.decisions) > 400


@each_feature
def test_its_name_is_entity_measure_aggregate_and_window(feature: Feature) -> None:
    window = window_name(feature.window_ms) if feature.window_ms else ""
    parts = [part for part in (feature.entity, feature.measure, feature.aggregate, window) if part]
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
def test_an_analyst_can_read_its_meaning_and_its_unit(feature: Feature) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{10,200}\.", feature.meaning)
    assert feature.unit.strip() == feature.unit != ""
    assert feature.low < feature.high


@each_feature
def test_its_values_are_in_the_range_it_declares(feature: Feature) -> None:
    values = busy_month.decided().column(feature.name)
    present = values[~np.isnan(values)]
    assert present.min() >= feature.low
    assert present.max() <= feature.high
    if feature.unit == "0 or 1":
        assert set(present) == {0.0, 1.0}
    if feature.aggregate in ("count", "distinct"):
        assert (present == np.round(present)).all()


@each_feature
def test_it_tells_some_payments_from_others(feature: Feature) -> None:
    values = busy_month.decided().column(feature.name)
    assert len(np.unique(values[~np.isnan(values)])) > 1


@each_feature
def test_it_is_absent_just_when_it_says_it_may_be(feature: Feature) -> None:
    values = busy_month.decided().column(feature.name)
    assert np.isnan(values).any() == bool(feature.absent)
