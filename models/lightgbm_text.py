"""The trees of a LightGBM model, read from its text into flat arrays that compiled code walks through.

LightGBM itself is not needed to score: to import it costs 1.6 s and 160 MB (pandas, scipy, scikit-learn). What is
read here is what a decision takes; what the text says beside that (gains, weights, parameters) is passed over. Forms
that no model of this project has are refused, never guessed at: categorical splits, linear leaves, several classes.
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

FEATURE, LEFT, RIGHT, ABSENCE = range(4)
"""Columns of a node: the feature it asks, where it leads to (a node, or ``~leaf``), and what it does with absence."""
COLUMNS = 4

ABSENT_GOES_LEFT = 1
"""Bit of ABSENCE: NaN goes left; without it, right."""
ZERO_IS_ABSENT = 2
"""Bit of ABSENCE: so does what is nearly 0."""

NEARLY_ZERO = float(np.float32(1e-35))
"""LightGBM's ``kZeroThreshold``: what is not further from 0 is 0 to it."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = range(3)

T = TypeVar("T", int, float)


class ModelTextError(Exception):
    """A text is no LightGBM model, or one of a form that is not scored here; the message says what is wrong."""


class Trees(NamedTuple):
    """All trees of a model, one after the other; nodes in preorder, the leaves of a tree from left to right.

    Attributes:
        width: features that a row has.
        roots: (T,) the first node of each tree, or ``~leaf`` of one that is a leaf only.
        first_leaves: (T + 1,) the leaves of tree t are ``first_leaves[t]`` to ``first_leaves[t + 1]``, exclusive.
        nodes: (N, COLUMNS).
        thresholds: (N,); what is not greater goes left.
        leaves: (L,) log-odds.
        node_rows: (N,) rows of the training table that came by.
        leaf_rows: (L,) likewise.
    """

    width: int
    roots: Integers
    first_leaves: Integers
    nodes: Integers
    thresholds: Floats
    leaves: Floats
    node_rows: Integers
    leaf_rows: Integers


@compiled
def goes_left(value: float, threshold: float, absence: int) -> bool:
    """Where a node sends a value; as LightGBM's ``Tree::NumericalDecision`` does."""
    # NaN differs from itself. No short cuts: what has no branches has none that are guessed wrong.
    absent = (value != value) | (((absence & ZERO_IS_ABSENT) != 0) & (abs(value) <= NEARLY_ZERO))  # noqa: PLR0124
    return (absent & ((absence & ABSENT_GOES_LEFT) != 0)) | ((not absent) & (value <= threshold))


def parse(model_text: str) -> Trees:
    """Read what ``lightgbm.Booster.model_to_string`` gave.

    Raises:
        ModelTextError: it is no such text, is damaged, or has what is not scored here.
    """
    model, end, _ = model_text.partition("\nend of trees")
    head, *trees = model.split("\nTree=")
    if not head.startswith("tree\n") or not end:
        raise ModelTextError("the text does not begin with 'tree', or does not come to 'end of trees'")
    _check_head(head)
    reading = _Reading(_Fields("the head", head).integer("max_feature_idx") + 1)
    for number, text in enumerate(trees):
        reading.add(_Fields(f"tree {number}", text))
    return reading.trees()


def _check_head(head: str) -> None:
    fields = _Fields("the head", head)
    if fields.text("version") != "v4":
        raise ModelTextError(f"the text is of version {fields.text('version')}, v4 is read")
    if fields.integer("num_tree_per_iteration") != 1:
        raise ModelTextError("the model has several classes, models of one score are read")
    if "average_output" in head.splitlines():
        raise ModelTextError("the model averages its trees (a random forest), boosted trees are read")


class _Fields:
    """The lines ``name=value`` of a part of the text."""

    def __init__(self, part: str, text: str) -> None:
        self._part = part
        self._values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def fault(self, what: str) -> ModelTextError:
        return ModelTextError(f"{self._part} {what}")

    def text(self, name: str) -> str:
        if name not in self._values:
            raise self.fault(f"lacks {name}")
        return self._values[name]

    def integer(self, name: str) -> int:
        (value,) = self.integers(name, 1)
        return value

    def integers(self, name: str, count: int) -> list[int]:
        return self._numbers(name, count, int)

    def floats(self, name: str, count: int) -> list[float]:
        values = self._numbers(name, count, float)
        if any(math.isnan(value) for value in values):
            raise self.fault(f"has {name} that are no numbers")
        return values

    def _numbers(self, name: str, count: int, kind: Callable[[str], T]) -> list[T]:
        try:
            values = [kind(word) for word in self.text(name).split()]
        except ValueError:
            raise self.fault(f"has {name} that are no numbers") from None
        if len(values) != count:
            raise self.fault(f"has {len(values)} of {name}, and should have {count}")
        return values


class _Reading:
    """Trees as they are read, in lists."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._roots: list[int] = []
        self._first_leaves = [0]
        self._nodes: list[list[int]] = []
        self._thresholds: list[float] = []
        self._leaves: list[float] = []
        self._node_rows: list[int] = []
        self._leaf_rows: list[int] = []

    def add(self, fields: _Fields) -> None:
        leaves = fields.integer("num_leaves")
        if leaves < 1:
            raise fields.fault("has no leaf")
        if fields.integer("num_cat"):
            raise fields.fault("splits by category: train without categorical features")
        if fields.integer("is_linear"):
            raise fields.fault("has linear leaves: train without linear_tree")
        self._roots.append(len(self._nodes) if leaves > 1 else ~len(self._leaves))
        if leaves > 1:
            self._add_split(fields, leaves)
        else:
            # Such a tree does not say how many rows it was made of, and none of its values depends on that.
            self._leaves += fields.floats("leaf_value", 1)
            self._leaf_rows.append(1)
        self._first_leaves.append(len(self._leaves))

    def _add_split(self, fields: _Fields, leaves: int) -> None:
        features = fields.integers("split_feature", leaves - 1)
        if not all(0 <= feature < self._width for feature in features):
            raise fields.fault(f"asks for another feature than the {self._width} that there are")
        decisions = fields.integers("decision_type", leaves - 1)
        thresholds = fields.floats("threshold", leaves - 1)
        children = fields.integers("left_child", leaves - 1), fields.integers("right_child", leaves - 1)
        values, leaf_rows = fields.floats("leaf_value", leaves), fields.integers("leaf_count", leaves)
        node_rows = fields.integers("internal_count", leaves - 1)
        if min(*leaf_rows, *node_rows) < 1:
            raise fields.fault("has a node that no row of the training table came by")
        # In preorder: the left child lies on top of the stack. What is a tree has every node and leaf once.
        beginning = len(self._nodes)
        stack = [(0, -1, LEFT)]
        while stack:
            child, parent, side = stack.pop()
            if not -leaves <= child < leaves - 1 or len(self._nodes) - beginning >= leaves:
                raise fields.fault("has children that make no tree")
            if parent >= 0:
                self._nodes[parent][side] = len(self._nodes) if child >= 0 else ~len(self._leaves)
            if child < 0:
                self._leaves.append(values[~child])
                self._leaf_rows.append(leaf_rows[~child])
                continue
            stack += [(children[1][child], len(self._nodes), RIGHT), (children[0][child], len(self._nodes), LEFT)]
            absence = self._absence(fields, decisions[child], thresholds[child])
            self._nodes.append([features[child], 0, 0, absence])
            self._thresholds.append(_compared(thresholds[child]))
            self._node_rows.append(node_rows[child])
        if len(self._nodes) - beginning != leaves - 1:
            raise fields.fault("has children that make no tree")

    @staticmethod
    def _absence(fields: _Fields, decision: int, threshold: float) -> int:
        """LightGBM's bits of a decision, as bits of ABSENCE."""
        missing = decision >> 2
        if decision & _CATEGORICAL or missing > _MISSING_NAN:
            raise fields.fault(f"has a decision of unknown type {decision}")
        if missing == _MISSING_NONE:
            # Nothing was absent in training: LightGBM takes what is for 0.
            return ABSENT_GOES_LEFT if threshold >= 0 else 0
        left = ABSENT_GOES_LEFT if decision & _DEFAULT_LEFT else 0
        return left | (ZERO_IS_ABSENT if missing == _MISSING_ZERO else 0)

    def trees(self) -> Trees:
        return Trees(
            self._width,
            np.array(self._roots, np.int64),
            np.array(self._first_leaves, np.int64),
            np.array(self._nodes, np.int64).reshape(-1, COLUMNS),
            np.array(self._thresholds, np.float64),
            np.array(self._leaves, np.float64),
            np.array(self._node_rows, np.int64),
            np.array(self._leaf_rows, np.int64),
        )


def _compared(threshold: float) -> float:
    """The threshold with which a value as it is goes where LightGBM sends it, which first takes what is nearly 0 for 0.

    That moves thresholds within that range to its ends.
    """
    if -NEARLY_ZERO <= threshold < 0:
        return math.nextafter(-NEARLY_ZERO, -math.inf)
    return NEARLY_ZERO if 0 <= threshold < NEARLY_ZERO else threshold
