"""What trees say of rows: the sum of one leaf of each tree, equal to LightGBM's own to the last bit.

Rows are not led from node to node. All of them are asked at each node of a tree, also those that would never come
there, and a row's answers cross out the leaves that it cannot end in. To be led, a row has to wait for each answer to
know what it is asked next; here nothing depends on an answer, and the processor asks several rows at once. This is
QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees", SIGIR 2015), node by node and with rows side by side. A tree's leaves are the bits of a word; a model with a
tree of more than 64 leaves is walked through from root to leaf.

Microseconds a call for log-odds (median of one run), 100 trees of 15 leaves, 136 features, numba 0.61.2:

    rows                                        1     4     8    20    50   100   500  1000
    LightGBM 4.7.0's own, by its C interface   11    21    32    68   158   310  1512  3023
    from root to leaf                           5    15    29    71   178   355  1767  3528
    all nodes asked                             8     9     9    15    31    51   285   564

Like all compiled functions of the project, these hold the GIL while they run. They have to: several Python stages share
one GIL in Flink's thread mode, and who gives it up for the few microseconds of a batch waits out another stage's switch
interval, 5 ms, to get it back. That is what ``lightgbm.Booster.predict`` does. So a whole table is not to be scored
beside threads that have to stay awake.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import NDArray

from models.lightgbm_text import ABSENCE, ABSENT_GOES_LEFT, FEATURE, LEFT, RIGHT, Floats, Integers, Trees, goes_left
from state.kernel.jit import compiled

LEAVES_AT_MOST = 64
"""Of a tree that is asked at all nodes at once."""
_BLOCK = 256
"""Rows swept at a time: their values stay in the processor's cache."""
_LANES = 16
"""Rows the processor takes at once, of which any part costs as much as all."""


class Forest:
    """The trees of a model, ready to be asked.

    Args:
        trees: of the model.
        leaves_at_most: of a tree, or all trees are walked through.

    Attributes:
        width: features that a row has.
        swept: whether all nodes of a tree are asked at once.
    """

    def __init__(self, trees: Trees, leaves_at_most: int = LEAVES_AT_MOST) -> None:
        self.width = trees.width
        self.swept = bool((np.diff(trees.first_leaves) <= min(leaves_at_most, LEAVES_AT_MOST)).all())
        self._walked = trees.roots, trees.nodes, trees.thresholds, trees.leaves
        if self.swept:
            asked, columns = np.unique(trees.nodes[:, FEATURE], return_inverse=True)
            bounds = _node_bounds(trees)
            remaining = _remaining_on_the_right(trees, bounds)
            self._beside = trees.first_leaves, bounds, asked, columns.astype(np.int64), remaining

    def scores(self, rows: NDArray[np.float64]) -> Floats:
        """Log-odds before calibration.

        Args:
            rows: (n, width) float64; n may be 0.

        Returns:
            (n,) float64.

        Raises:
            ValueError: the array is not (n, width).
        """
        rows = as_rows(rows, self.width)
        out = np.empty(len(rows))
        if self.swept:
            sweep(rows, *self._walked[1:], *self._beside, out)
        else:
            walk(rows, *self._walked, out)
        return out


def as_rows(rows: NDArray[np.float64], width: int) -> Floats:
    """The array in the one form that the functions are compiled for; another one would be compiled at its first call.

    Raises:
        ValueError: it is not (n, width).
    """
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"the model takes rows of {width} features, got an array of shape {rows.shape}")
    if rows.dtype == np.float64 and rows.flags.carray:
        return rows
    return np.array(rows, np.float64, order="C")


def _node_bounds(trees: Trees) -> Integers:
    """(T + 1,): the nodes of tree t are bounds[t] to bounds[t + 1]; it has one node less than leaves."""
    return np.asarray(trees.first_leaves - np.arange(len(trees.first_leaves)), np.int64)


def _remaining_on_the_right(trees: Trees, bounds: Integers) -> Integers:
    """(N,) bits of the leaves that a node leaves to a row that goes right: all but those on its left."""
    under = np.ones(len(trees.nodes), np.int64)
    first = np.zeros(len(trees.nodes), np.int64)
    remaining = np.zeros(len(trees.nodes), np.uint64)
    for tree in range(len(trees.roots)):
        # Nodes are in preorder: seen from the end, children come before their parents.
        for node in range(bounds[tree + 1] - 1, bounds[tree] - 1, -1):
            left, right = (int(trees.nodes[node, side]) for side in (LEFT, RIGHT))
            on_left = int(under[left]) if left >= 0 else 1
            under[node] = on_left + (int(under[right]) if right >= 0 else 1)
            first[node] = first[left] if left >= 0 else ~left - trees.first_leaves[tree]
            remaining[node] = (2**64 - 1) ^ (((1 << on_left) - 1) << int(first[node]))
    return remaining.view(np.int64)


@compiled
def walk(rows: Floats, roots: Integers, nodes: Integers, thresholds: Floats, leaves: Floats, out: Floats) -> None:
    """Put into ``out`` (n,) what the trees say, from root to leaf."""
    for row in range(rows.shape[0]):
        # In the order of the trees, as LightGBM adds.
        total = 0.0
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while node >= 0:
                if goes_left(rows[row, nodes[node, FEATURE]], thresholds[node], nodes[node, ABSENCE]):
                    node = nodes[node, LEFT]
                else:
                    node = nodes[node, RIGHT]
            total += leaves[~node]
        out[row] = total


@compiled
def sweep(
    rows: Floats,
    nodes: Integers,
    thresholds: Floats,
    leaves: Floats,
    first_leaves: Integers,
    bounds: Integers,
    asked: Integers,
    columns: Integers,
    on_right: Integers,
    out: Floats,
) -> None:
    """Put into ``out`` (n,) what the trees say, by asking all rows at each node.

    Args:
        rows: (n, width).
        nodes: (N, COLUMNS).
        thresholds: (N,).
        leaves: (L,).
        first_leaves: (T + 1,).
        bounds: (T + 1,) of the nodes.
        asked: (A,) the features that any node asks for.
        columns: (N,) place of a node's feature among them.
        on_right: (N,) bits of the leaves that remain when a row goes right.
        out: (n,).
    """
    lanes = min(_BLOCK, (rows.shape[0] + _LANES - 1) // _LANES * _LANES)
    by_feature = np.zeros((asked.shape[0], lanes))
    remaining = np.empty(lanes, np.int64)
    for start in range(0, rows.shape[0], _BLOCK):
        here = min(_BLOCK, rows.shape[0] - start)
        lanes = (here + _LANES - 1) // _LANES * _LANES
        _turn(rows[start : start + here], asked, by_feature)
        out[start : start + here] = 0.0
        for tree in range(bounds.shape[0] - 1):
            remaining[:lanes] = -1
            for node in range(bounds[tree], bounds[tree + 1]):
                values, threshold, bits = by_feature[columns[node]], thresholds[node], on_right[node]
                # A loop for each kind of node, so that none has a branch in it.
                if nodes[node, ABSENCE] == 0:
                    for row in range(lanes):
                        remaining[row] &= -1 if values[row] <= threshold else bits
                elif nodes[node, ABSENCE] == ABSENT_GOES_LEFT:
                    for row in range(lanes):
                        remaining[row] &= bits if values[row] > threshold else -1
                else:
                    for row in range(lanes):
                        remaining[row] &= -1 if goes_left(values[row], threshold, nodes[node, ABSENCE]) else bits
            for row in range(here):
                out[start + row] += leaves[first_leaves[tree] + trailing_zeros(remaining[row])]


@compiled
def _turn(rows: Floats, asked: Integers, by_feature: Floats) -> None:
    """Lay the values of each feature that is asked for side by side."""
    for row in range(rows.shape[0]):
        for column in range(asked.shape[0]):
            by_feature[column, row] = rows[row, asked[column]]
