"""A model's text is read whole, or refused with what is wrong: nothing of it is guessed, nothing read past its end."""

from __future__ import annotations

import re
from typing import Any

import lightgbm
import numpy as np
import pytest

from models.lightgbm_text import ModelTextError, parse


def text(labels: str = "binary", categories: list[int] | None = None, **parameters: Any) -> str:
    """A model of two trees over two features, the first of them of whole numbers."""
    random = np.random.default_rng(1)
    table = np.column_stack((random.integers(0, 5, 400), random.normal(size=400))).astype(float)
    truth = {"binary": table[:, 0] + table[:, 1] > 2, "classes": table[:, 0] % 3}[labels].astype(float)
    given = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    dataset = lightgbm.Dataset(table, truth, categorical_feature=categories or [])
    return str(lightgbm.train(given | parameters, dataset, num_boost_round=2).model_to_string())


def changed(name: str, value: str) -> str:
    """The model with another line of that name in its first tree, or its head."""
    found, times = re.subn(rf"^{name}=.*$", f"{name}={value}", text(), count=1, flags=re.MULTILINE)
    assert times == 1
    return found


def test_what_is_read_is_what_was_trained() -> None:
    trees = parse(text())
    assert (trees.width, len(trees.roots), len(trees.nodes), len(trees.leaves)) == (2, 2, 6, 8)
    assert trees.node_rows[trees.roots].tolist() == [400, 400]
    assert trees.leaf_rows[:4].sum() == 400


@pytest.mark.parametrize("nothing", ["", "not a model", "tree", "tree\nversion=v4\n"])
def test_text_that_is_no_model_is_refused(nothing: str) -> None:
    with pytest.raises(ModelTextError):
        parse(nothing)


def test_a_model_that_was_cut_off_is_refused() -> None:
    whole = text()
    for end in range(0, whole.index("end of trees"), 97):
        with pytest.raises(ModelTextError):
            parse(whole[:end])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"categories": [0], "min_data_per_group": 1, "max_cat_to_onehot": 1}, "splits by category"),
        ({"linear_tree": True}, "linear leaves"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "random forest"),
        ({"labels": "classes", "objective": "multiclass", "num_class": 3}, "several classes"),
    ],
)
def test_a_form_of_model_that_is_not_scored_here_is_named(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelTextError, match=said):
        parse(text(**parameters))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("version", "v9", "version v9"),
        ("max_feature_idx", "0", "tree 0 asks for another feature than the 1"),
        ("num_leaves", "0", "tree 0 has no leaf"),
        ("num_leaves", "5", "tree 0 has 3 of split_feature, and should have 4"),
        ("threshold", "1 2", "tree 0 has 2 of threshold"),
        ("threshold", "1 nan 2", "tree 0 has threshold that are no numbers"),
        ("leaf_value", "1 2 x 4", "tree 0 has leaf_value that are no numbers"),
        ("decision_type", "2 2 64", "unknown type 64"),
        ("leaf_count", "100 0 100 200", "no row of the training table"),
        # A circle, a node that nobody leads to, a leaf too many, and children that do not exist.
        ("left_child", "0 0 0", "make no tree"),
        ("right_child", "-1 -2 -3", "make no tree"),
        ("left_child", "3 1 2", "make no tree"),
        ("left_child", "-9 1 2", "make no tree"),
    ],
)
def test_a_damaged_tree_is_refused_before_anything_is_scored(name: str, value: str, said: str) -> None:
    with pytest.raises(ModelTextError, match=re.escape(said)):
        parse(changed(name, value))
