"""A model's text is parsed completely, or refused with the fault."""

from __future__ import annotations

import re
from typing import Any

import lightgbm
import numpy as np
import pytest

from models.lightgbm_text import ModelTextError, parse


def text(labels: str = "binary", categories: list[int] | None = None, **parameters: Any) -> str:
    """A model of two trees on two features, of which the first has integer values."""
    random = np.random.default_rng(1)
    table = np.column_stack((random.integers(0, 5, 400), random.normal(size=400))).astype(float)
    target = {"binary": table[:, 0] + table[:, 1] > 2, "classes": table[:, 0] % 3}[labels].astype(float)
    defaults = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    dataset = lightgbm.Dataset(table, target, categorical_feature=categories or [])
    return str(lightgbm.train(defaults | parameters, dataset, num_boost_round=2).model_to_string())


def changed(name: str, value: str) -> str:
    """The text with the first ``name=`` line, of the head or the first tree, replaced."""
    replaced, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text(), count=1, flags=re.MULTILINE)
    assert count == 1
    return replaced


def test_the_parsed_trees_are_those_that_were_trained() -> None:
    trees = parse(text())
    assert (trees.width, len(trees.roots), len(trees.nodes), len(trees.leaves)) == (2, 2, 6, 8)
    assert trees.node_counts[trees.roots].tolist() == [400, 400]
    assert trees.leaf_counts[:4].sum() == 400


@pytest.mark.parametrize("damaged", ["", "not a model", "tree", "tree\nversion=v4\n"])
def test_text_that_is_not_a_model_is_refused(damaged: str) -> None:
    with pytest.raises(ModelTextError):
        parse(damaged)


def test_a_truncated_model_is_refused() -> None:
    complete = text()
    for end in range(0, complete.index("end of trees"), 97):
        with pytest.raises(ModelTextError):
            parse(complete[:end])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"categories": [0], "min_data_per_group": 1, "max_cat_to_onehot": 1}, "splits by category"),
        ({"linear_tree": True}, "linear leaves"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "random forest"),
        ({"labels": "classes", "objective": "multiclass", "num_class": 3}, "several classes"),
    ],
)
def test_an_unsupported_form_of_model_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelTextError, match=message):
        parse(text(**parameters))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("version", "v9", "version v9"),
        ("max_feature_idx", "0", "tree 0 splits on a feature that is not among the 1"),
        ("num_leaves", "0", "tree 0 has no leaf"),
        ("num_leaves", "5", "tree 0 has 3 of split_feature, and should have 4"),
        ("threshold", "1 2", "tree 0 has 2 of threshold"),
        ("threshold", "1 nan 2", "tree 0 has a threshold that is not a number"),
        ("leaf_value", "1 2 x 4", "tree 0 has a leaf_value that is not a number"),
        ("decision_type", "2 2 64", "unknown type 64"),
        ("leaf_count", "100 0 100 200", "no row of the training table"),
        # A cycle, an unreachable node, a leaf too many, and children that do not exist.
        ("left_child", "0 0 0", "do not form a tree"),
        ("right_child", "-1 -2 -3", "do not form a tree"),
        ("left_child", "3 1 2", "do not form a tree"),
        ("left_child", "-9 1 2", "do not form a tree"),
    ],
)
def test_a_damaged_tree_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(ModelTextError, match=re.escape(message)):
        parse(changed(name, value))
