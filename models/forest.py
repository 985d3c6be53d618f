"""Score rows with boosted trees: the sum of one leaf of each tree, equal to LightGBM's to the last bit.

The algorithm is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
of regression trees", SIGIR 2015), vectorized over rows. Every row is compared at every node of a tree, also at nodes
off its path, and each comparison masks out the leaves that the row cannot reach. A traversal must wait for each
comparison to know the next node; here no comparison depends on another, and the processor does several rows at once.
The leaves of a tree are the bits of a word; a model that has a tree of more than 64 leaves is traversed.

Microseconds a call for log-odds (median of one run), 100 trees of 15 leaves, 136 features, numba 0.61.2:

    rows                            1     4     8    20    50   100   500  1000
    LightGBM 4.7.0, C interface    11    21    32    68   158   310  1512  3023
    traversal                       5    15    29    71   178   355  1767  3528
    QuickScorer                     8     9     9    15    31    51   285   564

Like all compiled functions of the project, these hold the GIL. In Flink's thread mode several Python stages share one
GIL, and a stage that releases it for the microseconds of a batch, as ``lightgbm.Booster.predict`` does, waits for
another stage's switch interval of 5 ms to get it back. So do not score a large table in a process whose other threads
must stay responsive.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import NDArray

from models.lightgbm_text import FEATURE, LEFT, MISSING, MISSING_GOES_LEFT, RIGHT, Floats, Integers, Trees, goes_left
from state.kernel.jit import compiled

MAX_LEAVES = 64
"""Maximum number of leaves of a tree for QuickScorer: the bits of a word."""
_BLOCK = 256
"""Rows scored at a time, so that their values stay in the processor's cache."""
_LANES = 16
"""Rows of one vector step, padded: a part of it takes as long as all."""


class Forest:
    """Scores rows with the trees of a model.

    Args:
        trees: trees of the model.
        max_leaves: maximum number of leaves of a tree for QuickScorer; a model with a larger tree is traversed.

    Attributes:
        width: number of features of a row.
        uses_quickscorer: whether rows are scored with QuickScorer.
    """

    def __init__(self, trees: Trees, max_leaves: int = MAX_LEAVES) -> None:
        self.width = trees.width
        self.uses_quickscorer = bool((np.diff(trees.first_leaves) <= min(max_leaves, MAX_LEAVES)).all())
        self._trees = trees.roots, trees.nodes, trees.thresholds, trees.leaves
        if self.uses_quickscorer:
            used_features, columns = np.unique(trees.nodes[:, FEATURE], return_inverse=True)
            bounds = _node_bounds(trees)
            masks = _right_masks(trees, bounds)
            self._quickscorer_arrays = trees.first_leaves, bounds, used_features, columns.astype(np.int64), masks

    def scores(self, rows: NDArray[np.float64]) -> Floats:
        """Compute log-odds before calibration.

        Args:
            rows: (n, width) float64; n may be 0.

        Returns:
            (n,) float64.

        Raises:
            ValueError: the array is not (n, width).
        """
        rows = as_rows(rows, self.width)
        out = np.empty(len(rows))
        if self.uses_quickscorer:
            quickscore(rows, *self._trees[1:], *self._quickscorer_arrays, out)
        else:
            traverse(rows, *self._trees, out)
        return out


def as_rows(rows: NDArray[np.float64], width: int) -> Floats:
    """Convert an array to the only form that functions are compiled for: another one would compile at its first call.

    Raises:
        ValueError: the array is not (n, width).
    """
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"the model takes rows of {width} features, got an array of shape {rows.shape}")
    if rows.dtype == np.float64 and rows.flags.carray:
        return rows
    return np.array(rows, np.float64, order="C")


def _node_bounds(trees: Trees) -> Integers:
    """(T + 1,) the nodes of tree t are ``bounds[t]`` to ``bounds[t + 1]``: a tree has one node less than leaves."""
    return np.asarray(trees.first_leaves - np.arange(len(trees.first_leaves)), np.int64)


def _right_masks(trees: Trees, bounds: Integers) -> Integers:
    """(N,) masks of the leaves that a row can still reach if it goes right at a node: all but those on its left."""
    subtree_leaves = np.ones(len(trees.nodes), np.int64)
    first_leaf = np.zeros(len(trees.nodes), np.int64)
    masks = np.zeros(len(trees.nodes), np.uint64)
    for tree in range(len(trees.roots)):
        # Nodes are in preorder: backwards, children come before their parents.
        for node in range(bounds[tree + 1] - 1, bounds[tree] - 1, -1):
            left, right = (int(trees.nodes[node, side]) for side in (LEFT, RIGHT))
            left_leaves = int(subtree_leaves[left]) if left >= 0 else 1
            subtree_leaves[node] = left_leaves + (int(subtree_leaves[right]) if right >= 0 else 1)
            first_leaf[node] = first_leaf[left] if left >= 0 else ~left - trees.first_leaves[tree]
            masks[node] = (2**64 - 1) ^ (((1 << left_leaves) - 1) << int(first_leaf[node]))
    return masks.view(np.int64)


@compiled
def traverse(rows: Floats, roots: Integers, nodes: Integers, thresholds: Floats, leaves: Floats, out: Floats) -> None:
    """Write log-odds to ``out`` (n,), by traversing each tree from root to leaf."""
    for row in range(rows.shape[0]):
        # Floating point sums depend on the order: LightGBM adds in the order of the trees.
        score = 0.0
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while node >= 0:
                if goes_left(rows[row, nodes[node, FEATURE]], thresholds[node], nodes[node, MISSING]):
                    node = nodes[node, LEFT]
                else:
                    node = nodes[node, RIGHT]
            score += leaves[~node]
        out[row] = score


@compiled
def quickscore(
    rows: Floats,
    nodes: Integers,
    thresholds: Floats,
    leaves: Floats,
    first_leaves: Integers,
    bounds: Integers,
    used_features: Integers,
    columns: Integers,
    right_masks: Integers,
    out: Floats,
) -> None:
    """Write log-odds to ``out``, by comparing all rows at each node.

    Args:
        rows: (n, width).
        nodes: (N, NODE_COLUMNS).
        thresholds: (N,).
        leaves: (L,) log-odds.
        first_leaves: (T + 1,) leaf bounds of the trees.
        bounds: (T + 1,) node bounds of the trees.
        used_features: (A,) features that any node splits on.
        columns: (N,) index of each node's feature in ``used_features``.
        right_masks: (N,) mask of the leaves that a row can still reach if it goes right.
        out: (n,).
    """
    lanes = min(_BLOCK, (rows.shape[0] + _LANES - 1) // _LANES * _LANES)
    by_feature = np.zeros((used_features.shape[0], lanes))
    leaf_masks = np.empty(lanes, np.int64)
    for start in range(0, rows.shape[0], _BLOCK):
        count = min(_BLOCK, rows.shape[0] - start)
        lanes = (count + _LANES - 1) // _LANES * _LANES
        _transpose(rows[start : start + count], used_features, by_feature)
        out[start : start + count] = 0.0
        for tree in range(bounds.shape[0] - 1):
            leaf_masks[:lanes] = -1
            for node in range(bounds[tree], bounds[tree + 1]):
                values, threshold, mask = by_feature[columns[node]], thresholds[node], right_masks[node]
                # A loop for each kind of node, so that no loop has a branch in it.
                if nodes[node, MISSING] == 0:
                    for row in range(lanes):
                        leaf_masks[row] &= -1 if values[row] <= threshold else mask
                elif nodes[node, MISSING] == MISSING_GOES_LEFT:
                    for row in range(lanes):
                        leaf_masks[row] &= mask if values[row] > threshold else -1
                else:
                    for row in range(lanes):
                        leaf_masks[row] &= -1 if goes_left(values[row], threshold, nodes[node, MISSING]) else mask
            for row in range(count):
                out[start + row] += leaves[first_leaves[tree] + trailing_zeros(leaf_masks[row])]


@compiled
def _transpose(rows: Floats, used_features: Integers, by_feature: Floats) -> None:
    """Copy the used features of rows to ``by_feature`` (A, lanes), the values of a feature side by side."""
    for row in range(rows.shape[0]):
        for column in range(used_features.shape[0]):
            by_feature[column, row] = rows[row, used_features[column]]
