"""Single entries of a set are changed; the rest stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from udfs.control.editing import EditError, change, differences, merge, remove, replace

RULES: dict[str, Any] = {
    "version": 4,
    "rules": [
        {"id": "a", "when": "amount > 1", "reason": "A", "add": 0.1},
        {"id": "b", "when": "amount > 2", "reason": "B", "add": 0.2, "version": 3},
    ],
}
THRESHOLDS = {"block": 0.9, "challenge": 0.7, "monitor": 0.5, "alert": 0.7}


def phrases(kind: Any, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [each.phrase() for each in differences(kind, before, after)]


def test_a_file_adds_and_changes_and_removes_nothing() -> None:
    file = {
        "version": 1,
        "rules": [RULES["rules"][1] | {"add": 0.5}, {"id": "c", "when": "x", "reason": "C", "add": 1}],
    }
    after = merge("rules", RULES, file)
    assert [rule["id"] for rule in after["rules"]] == ["a", "b", "c"]
    assert (after["version"], after["rules"][1]["version"]) == (5, 4)
    assert phrases("rules", RULES, after) == ["b: add 0.2 -> 0.5", "c: added"]
    assert RULES["rules"][1]["add"] == 0.2, "the set in force is not touched"


def test_what_does_not_differ_is_no_difference() -> None:
    assert phrases("rules", RULES, merge("rules", RULES, RULES)) == []


def test_a_whole_set_removes_what_it_lacks_and_its_version_is_higher_than_both() -> None:
    after = replace("rules", RULES, {"version": 2, "rules": RULES["rules"][:1]})
    assert after["version"] == 5
    assert replace("rules", RULES, {"version": 9, "rules": []})["version"] == 9
    assert phrases("rules", RULES, after) == ["b: removed"]


def test_one_field_is_changed() -> None:
    after = change("rules", RULES, "a", {"mode": "off"})
    assert after["rules"][0] == RULES["rules"][0] | {"mode": "off", "version": 2}
    assert phrases("rules", RULES, after) == ["a: mode absent -> 'off'"]


def test_a_threshold_is_an_entry() -> None:
    after = change("thresholds", THRESHOLDS, "alert", {"score": 0.8})
    assert after == THRESHOLDS | {"alert": 0.8}
    assert phrases("thresholds", THRESHOLDS, after) == ["alert: score 0.7 -> 0.8"]
    assert merge("thresholds", THRESHOLDS, {"block": 0.95}) == THRESHOLDS | {"block": 0.95}


def test_entries_are_removed() -> None:
    assert [rule["id"] for rule in remove("rules", RULES, ["a"])["rules"]] == ["b"]


@pytest.mark.parametrize("edit", [lambda: remove("rules", RULES, ["x"]), lambda: change("rules", RULES, "x", {})])
def test_an_entry_that_does_not_exist_is_named_with_those_that_do(edit: Any) -> None:
    with pytest.raises(EditError, match="there is no 'x' among the rules in force: a, b"):
        edit()
