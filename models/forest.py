"""What trees say of rows: the sum of one leaf of each tree, equal to LightGBM's own to the last bit.

Two ways to the same leaf, since neither is good for all batches:

- Few rows *walk*: from the root, from node to node.
- Many rows are *swept* by a tree: all of them are asked at each of its nodes, also those that never come there, and
  a row's answers cross out the leaves that it cannot end in. A walk waits for each answer to know what to ask next; here
  nothing depends on an answer, and the processor asks several rows at once. A row's leaves are the bits of a word, so
  it takes trees of at most 64. It is QuickScorer (Lucchese et al., SIGIR 2015), row by row and not feature by feature.

FIGURES

Like all compiled functions of the project, these hold the GIL while they run. They have to: several Python stages share
one GIL in Flink's thread mode, and who gives it up for the few microseconds of a batch waits out another stage's switch
interval, 5 ms, to get it back. That is what ``lightgbm.Booster.predict`` does. So a whole table is not to be scored
beside threads that have to stay awake.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.trees import ABSENCE, ABSENT_GOES_LEFT, FEATURE, LEFT, RIGHT, Floats, Integers, Trees, goes_left
from state.compiled import compiled

LEAVES_AT_MOST = 64
"""Of a tree that sweeps."""
FEWEST_SWEPT = 8
"""Rows from which on sweeping is the faster one."""
_BLOCK = 256
"""Rows swept at a time: their values stay in the processor's cache."""
_LANES = 16
"""Rows the processor takes at once, of which any part costs as much as all."""

# The place of a word's lowest bit, by multiplication with a de Bruijn sequence: Leiserson, Prokop and Randall, "Using
# de Bruijn sequences to index a 1 in a computer word" (1998).
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_AT = np.zeros(64, np.int64)
for _bit in range(64):
    _BIT_AT[((int(_DE_BRUIJN) << _bit) & (2**64 - 1)) >> 58] = _bit


class Forest:
    """The trees of a model, ready to be asked.

    Attributes:
        width: features that a row has.
    """

    def __init__(self, trees: Trees) -> None:
        self.width = trees.width
        asked, columns = np.unique(trees.nodes[:, FEATURE], return_inverse=True)
        sweeps = bool((np.diff(trees.first_leaves) <= LEAVES_AT_MOST).all())
        fewest = FEWEST_SWEPT if sweeps else np.iinfo(np.int64).max
        bounds = _node_bounds(trees)
        crossed = _crossed_out(trees) if sweeps else np.zeros(0, np.int64)
        self._walked = trees.roots, trees.nodes, trees.thresholds, trees.leaves
        self._swept = trees.first_leaves, bounds, asked, columns.astype(np.int64), crossed
        self._fewest = int(fewest)

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
        out = np.zeros(len(rows))
        if len(rows) < self._fewest:
            walk(rows, *self._walked, out)
        else:
            sweep(rows, *self._walked[1:], *self._swept, out)
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


def _crossed_out(trees: Trees) -> Integers:
    """(N,) bits of the leaves that remain when a node sends a row to the right: all but those on its left."""
    under = np.ones(len(trees.nodes), np.int64)
    leftmost = np.zeros(len(trees.nodes), np.int64)
    remaining = np.zeros(len(trees.nodes), np.uint64)
    bounds = _node_bounds(trees)
    # Nodes are in preorder: seen from the end, children come before their parents.
    for tree in range(len(trees.roots)):
        for node in range(bounds[tree + 1] - 1, bounds[tree] - 1, -1):
            left, right = (int(trees.nodes[node, side]) for side in (LEFT, RIGHT))
            on_left = int(under[left]) if left >= 0 else 1
            under[node] = on_left + (int(under[right]) if right >= 0 else 1)
            leftmost[node] = leftmost[left] if left >= 0 else ~left - trees.first_leaves[tree]
            remaining[node] = (2**64 - 1) ^ (((1 << on_left) - 1) << int(leftmost[node]))
    return remaining.view(np.int64)


@compiled
def walk(rows: Floats, roots: Integers, nodes: Integers, thresholds: Floats, leaves: Floats, out: Floats) -> None:
    """Add to ``out`` (n,) what the trees say, from root to leaf."""
    for row in range(rows.shape[0]):
        # In the order of the trees, as LightGBM adds.
        total = 0.0
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while node >= 0:
                # Branches, which the processor guesses mostly right: without them it took twice as long.
                if goes_left(rows[row, nodes[node, FEATURE]], thresholds[node], nodes[node, ABSENCE]):
                    node = nodes[node, LEFT]
                else:
                    node = nodes[node, RIGHT]
            total += leaves[~node]
        out[row] += total


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
    crossed: Integers,
    out: Floats,
) -> None:
    """Add to ``out`` (n,) what the trees say, all rows at a node at once.

    Args:
        rows: (n, width).
        nodes: (N, COLUMNS).
        thresholds: (N,).
        leaves: (L,).
        first_leaves: (T + 1,).
        bounds: (T + 1,) of the nodes.
        asked: (A,) the features that any node asks for.
        columns: (N,) place of a node's feature among them.
        crossed: (N,) bits of the leaves that remain on the right.
        out: (n,).
    """
    lanes = min(_BLOCK, (rows.shape[0] + _LANES - 1) // _LANES * _LANES)
    by_feature = np.zeros((asked.shape[0], lanes))
    remaining = np.empty(lanes, np.int64)
    for start in range(0, rows.shape[0], _BLOCK):
        here = min(_BLOCK, rows.shape[0] - start)
        lanes = (here + _LANES - 1) // _LANES * _LANES
        for row in range(here):
            for column in range(asked.shape[0]):
                by_feature[column, row] = rows[start + row, asked[column]]
        for tree in range(bounds.shape[0] - 1):
            remaining[:lanes] = -1
            for node in range(bounds[tree], bounds[tree + 1]):
                _ask(by_feature[columns[node]], lanes, thresholds[node], nodes[node, ABSENCE], crossed[node], remaining)
            for row in range(here):
                lowest = np.uint64(remaining[row] & -remaining[row])
                out[start + row] += leaves[first_leaves[tree] + _BIT_AT[(lowest * _DE_BRUIJN) >> np.uint64(58)]]


@compiled
def _ask(values: Floats, lanes: int, threshold: float, absence: int, on_right: int, remaining: Integers) -> None:
    """Cross out the leaves of rows that go right; a loop for each kind of node, so that none has a branch in it."""
    if absence == 0:
        for row in range(lanes):
            remaining[row] &= -1 if values[row] <= threshold else on_right
    elif absence == ABSENT_GOES_LEFT:
        for row in range(lanes):
            remaining[row] &= on_right if values[row] > threshold else -1
    else:
        for row in range(lanes):
            remaining[row] &= -1 if goes_left(values[row], threshold, absence) else on_right
