"""Parse the text of a LightGBM model into flat arrays for compiled code.

Scoring does not need LightGBM, whose import takes 1.6 s and 160 MB (pandas, scipy, scikit-learn). The parser reads what
scoring and explaining need, and skips gains, weights and parameters. It refuses forms that no model of this project
has: categorical splits, linear leaves, several classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from state.kernel.jit import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEATURE, LEFT, RIGHT, MISSING = range(4)
"""Columns of a node: its feature, its children (a node, or ``~leaf``), and its handling of missing values."""
NODE_COLUMNS = 4

MISSING_GOES_LEFT = 1
"""Bit of MISSING: a missing value goes left; without it, right."""
ZERO_IS_MISSING = 2
"""Bit of MISSING: a value within ZERO_THRESHOLD of 0 is missing too."""

ZERO_THRESHOLD = float(np.float32(1e-35))
"""LightGBM's ``kZeroThreshold``: it treats a value this close to 0 as 0."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = range(3)

T = TypeVar("T", int, float)


class ModelTextError(Exception):
    """A text is not a LightGBM model, or a model of an unsupported form; the message names the fault."""


class Trees(NamedTuple):
    """All trees of a model in flat arrays: the nodes of a tree in preorder, its leaves from left to right.

    Attributes:
        width: number of features of a row.
        roots: (T,) root node of each tree, or ``~leaf`` of a tree with one leaf.
        first_leaves: (T + 1,) the leaves of tree t are ``first_leaves[t]`` to ``first_leaves[t + 1]``, exclusive.
        nodes: (N, NODE_COLUMNS).
        thresholds: (N,); a value that is not greater goes left.
        leaves: (L,) log-odds.
        node_counts: (N,) number of training rows that passed each node.
        leaf_counts: (L,) number of training rows that reached each leaf.
    """

    width: int
    roots: Integers
    first_leaves: Integers
    nodes: Integers
    thresholds: Floats
    leaves: Floats
    node_counts: Integers
    leaf_counts: Integers


@compiled
def goes_left(value: float, threshold: float, missing: int) -> bool:
    """Whether a node sends a value left; equal to LightGBM's ``Tree::NumericalDecision``."""
    # Only NaN differs from itself. Without short-circuits there is no branch to mispredict.
    is_missing = (value != value) | (((missing & ZERO_IS_MISSING) != 0) & (abs(value) <= ZERO_THRESHOLD))  # noqa: PLR0124
    return (is_missing & ((missing & MISSING_GOES_LEFT) != 0)) | ((not is_missing) & (value <= threshold))


def parse(model_text: str) -> Trees:
    """Parse the output of ``lightgbm.Booster.model_to_string``.

    Raises:
        ModelTextError: the text is damaged, is no such output, or has an unsupported form.
    """
    model, end, _ = model_text.partition("\nend of trees")
    head, *trees = model.split("\nTree=")
    if not head.startswith("tree\n") or not end:
        raise ModelTextError("the text does not begin with 'tree', or does not come to 'end of trees'")
    _check_head(head)
    builder = _TreeBuilder(_Fields("the head", head).integer("max_feature_idx") + 1)
    for number, text in enumerate(trees):
        builder.add(_Fields(f"tree {number}", text))
    return builder.trees()


def _check_head(head: str) -> None:
    fields = _Fields("the head", head)
    if fields.text("version") != "v4":
        raise ModelTextError(f"the text has version {fields.text('version')}; only v4 is supported")
    if fields.integer("num_tree_per_iteration") != 1:
        raise ModelTextError("the model has several classes; only models of one score are supported")
    if "average_output" in head.splitlines():
        raise ModelTextError("the model averages its trees (a random forest); only boosted trees are supported")


class _Fields:
    """The ``name=value`` lines of one section of the text."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def error(self, problem: str) -> ModelTextError:
        return ModelTextError(f"{self._name} {problem}")

    def text(self, name: str) -> str:
        if name not in self._values:
            raise self.error(f"lacks {name}")
        return self._values[name]

    def integer(self, name: str) -> int:
        (value,) = self.integers(name, 1)
        return value

    def integers(self, name: str, count: int) -> list[int]:
        return self._numbers(name, count, int)

    def floats(self, name: str, count: int) -> list[float]:
        values = self._numbers(name, count, float)
        if any(math.isnan(value) for value in values):
            raise self.error(f"has a {name} that is not a number")
        return values

    def _numbers(self, name: str, count: int, kind: Callable[[str], T]) -> list[T]:
        try:
            values = [kind(word) for word in self.text(name).split()]
        except ValueError:
            raise self.error(f"has a {name} that is not a number") from None
        if len(values) != count:
            raise self.error(f"has {len(values)} of {name}, and should have {count}")
        return values


class _TreeBuilder:
    """Collects trees in lists while they are parsed."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._roots: list[int] = []
        self._first_leaves = [0]
        self._nodes: list[list[int]] = []
        self._thresholds: list[float] = []
        self._leaves: list[float] = []
        self._node_counts: list[int] = []
        self._leaf_counts: list[int] = []

    def add(self, fields: _Fields) -> None:
        leaves = fields.integer("num_leaves")
        if leaves < 1:
            raise fields.error("has no leaf")
        if fields.integer("num_cat"):
            raise fields.error("splits by category: train without categorical features")
        if fields.integer("is_linear"):
            raise fields.error("has linear leaves: train without linear_tree")
        self._roots.append(len(self._nodes) if leaves > 1 else ~len(self._leaves))
        if leaves > 1:
            self._add_nodes(fields, leaves)
        else:
            # The text gives no row count for such a tree, and no value depends on it.
            self._leaves += fields.floats("leaf_value", 1)
            self._leaf_counts.append(1)
        self._first_leaves.append(len(self._leaves))

    def _add_nodes(self, fields: _Fields, leaves: int) -> None:
        features = fields.integers("split_feature", leaves - 1)
        if not all(0 <= feature < self._width for feature in features):
            raise fields.error(f"splits on a feature that is not among the {self._width} of the model")
        decisions = fields.integers("decision_type", leaves - 1)
        thresholds = fields.floats("threshold", leaves - 1)
        children = fields.integers("left_child", leaves - 1), fields.integers("right_child", leaves - 1)
        values, leaf_counts = fields.floats("leaf_value", leaves), fields.integers("leaf_count", leaves)
        node_counts = fields.integers("internal_count", leaves - 1)
        if min(*leaf_counts, *node_counts) < 1:
            raise fields.error("has a node that no row of the training table reached")
        # The left child is on top of the stack, so nodes come in preorder. A tree has each node and leaf once.
        first_node = len(self._nodes)
        stack = [(0, -1, LEFT)]
        while stack:
            child, parent, side = stack.pop()
            if not -leaves <= child < leaves - 1 or len(self._nodes) - first_node >= leaves:
                raise fields.error("has children that do not form a tree")
            if parent >= 0:
                self._nodes[parent][side] = len(self._nodes) if child >= 0 else ~len(self._leaves)
            if child < 0:
                self._leaves.append(values[~child])
                self._leaf_counts.append(leaf_counts[~child])
                continue
            stack += [(children[1][child], len(self._nodes), RIGHT), (children[0][child], len(self._nodes), LEFT)]
            missing = self._missing(fields, decisions[child], thresholds[child])
            self._nodes.append([features[child], 0, 0, missing])
            self._thresholds.append(_snap_threshold(thresholds[child]))
            self._node_counts.append(node_counts[child])
        if len(self._nodes) - first_node != leaves - 1:
            raise fields.error("has children that do not form a tree")

    @staticmethod
    def _missing(fields: _Fields, decision: int, threshold: float) -> int:
        """Convert the bits of LightGBM's ``decision_type`` to bits of MISSING."""
        missing_type = decision >> 2
        if decision & _CATEGORICAL or missing_type > _MISSING_NAN:
            raise fields.error(f"has a decision of unknown type {decision}")
        if missing_type == _MISSING_NONE:
            # No value was missing in training: LightGBM reads NaN as 0.
            return MISSING_GOES_LEFT if threshold >= 0 else 0
        left = MISSING_GOES_LEFT if decision & _DEFAULT_LEFT else 0
        return left | (ZERO_IS_MISSING if missing_type == _MISSING_ZERO else 0)

    def trees(self) -> Trees:
        return Trees(
            self._width,
            np.array(self._roots, np.int64),
            np.array(self._first_leaves, np.int64),
            np.array(self._nodes, np.int64).reshape(-1, NODE_COLUMNS),
            np.array(self._thresholds, np.float64),
            np.array(self._leaves, np.float64),
            np.array(self._node_counts, np.int64),
            np.array(self._leaf_counts, np.int64),
        )


def _snap_threshold(threshold: float) -> float:
    """Move a threshold within ``ZERO_THRESHOLD`` of 0 to an end of that range.

    LightGBM rounds values in the range to 0 before it compares them; with the moved threshold, unrounded values go the
    same way.
    """
    if -ZERO_THRESHOLD <= threshold < 0:
        return math.nextafter(-ZERO_THRESHOLD, -math.inf)
    return ZERO_THRESHOLD if 0 <= threshold < ZERO_THRESHOLD else threshold
