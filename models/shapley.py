"""Explain scores: exact Shapley values of trees (path-dependent TreeSHAP, equal to LightGBM's ``pred_contrib``).

While only some features are known, the expected score is the sum of the leaf values, each weighted by a product over
the features on the leaf's path. A known feature contributes 1 if the row passes its nodes and 0 if not (``passes``), an
unknown one the share of training rows that pass them (``cover``). The Shapley value of feature j is the change of the
expected score when j becomes known, averaged over all orders of the features. If each feature becomes known at a random
time between 0 and 1, a leaf contributes

    value * (passes_j - cover_j) * integral over t in [0, 1] of prod_{i != j} (passes_i * t + cover_i * (1 - t))

The integrand is a polynomial in t of a degree below the number of features, so Gauss-Legendre quadrature with half as
many points is exact. All factors are positive: nothing cancels, however deep the tree. TreeSHAP (Lundberg et al., "From
local explanations to global understanding with explainable AI for trees", 2020) computes the same by recursion.

The values of ``passes`` depend only on the branches that a row takes at the nodes. So the sum over a group of leaves is
tabulated for every combination of branches at the group's nodes (Yang, "Fast TreeSHAP", 2021, version 2, tabulates each
leaf), and explaining a row means to evaluate all nodes and add one row of each table. Leaves that have more nodes on
their path than a table may have are integrated for each row, as are groups beyond the memory limit of the tables.

Microseconds a row, in batches of 20 (medians of one run on a busy machine), 100 trees of 15 leaves up to 14 nodes deep.
LightGBM 4.7.0 takes 195, and for single rows 232 (here 27):

    nodes of a table         0       8      10      11
    microseconds           148      30      17      16
    untabulated leaves   1,500      98      13       4
    MiB of all tables        0     2.6     8.4    13.5
    ms to fill them         12      43     120     192
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forest import as_rows
from models.lightgbm_text import FEATURE, MISSING, Floats, Integers, Trees, goes_left
from models.tree_paths import BRANCH, NODE, SLOT, TreePath, pack_paths, tree_paths
from state.kernel.jit import compiled

MAX_TABLE_NODES = 10
"""Maximum number of nodes of a table, which then has 2^10 rows."""
MAX_TABLE_BYTES = 16 * 2**20
"""Maximum size of all tables of a model together, bytes."""

_NODES, _FEATURES, _LEAVES, _VALUES = range(4)
"""Columns of a table: offsets of its nodes, features, leaves and values."""


@dataclass(frozen=True)
class _LeafGroup:
    """Leaves that share a table; nodes and features are ordered sets, in the order in which they were added."""

    nodes: dict[int, None]
    features: dict[int, None]
    leaves: list[int]

    @property
    def size(self) -> int:
        """Number of values of the table."""
        return len(self.features) << len(self.nodes)

    def add(self, path: TreePath) -> None:
        self.nodes.update(dict.fromkeys(path.nodes))
        self.features.update(dict.fromkeys(path.features))
        self.leaves.append(path.leaf)


class Explainer:
    """Explains scores of a model.

    Args:
        trees: trees of the model.
        max_table_nodes: maximum number of nodes of a table; 0 for no tables.
        max_table_bytes: maximum size of all tables, bytes.

    Attributes:
        width: number of features of a row.
        table_bytes: size of all tables, bytes.
        untabulated: number of leaves that are in no table.
    """

    def __init__(
        self, trees: Trees, max_table_nodes: int = MAX_TABLE_NODES, max_table_bytes: int = MAX_TABLE_BYTES
    ) -> None:
        self.width = trees.width
        paths = list(tree_paths(trees))
        groups, untabulated = _group_leaves(paths, max_table_nodes, max_table_bytes)
        max_features = max((len(path.features) for path in paths), default=1)
        self._trees = trees
        self._points = _quadrature(max_features)
        self._paths = pack_paths(trees, paths)
        starts = np.array([[0] * 4, *([len(g.nodes), len(g.features), len(g.leaves), g.size] for g in groups)])
        self._tables = starts.astype(np.int64).cumsum(axis=0)
        self._nodes, self._features = _flat(g.nodes for g in groups), _flat(g.features for g in groups)
        self._table = np.zeros(int(self._tables[-1, _VALUES]))
        tabulate(
            trees.width, len(trees.nodes), self._tables, self._nodes, self._features, self._table,
            _flat(g.leaves for g in groups), self._points, *self._paths,
        )  # fmt: skip
        self._untabulated_leaves = np.array(untabulated, np.int64)
        self.table_bytes = self._table.nbytes
        self.untabulated = len(untabulated)

    def contributions(self, rows: NDArray[np.float64]) -> Floats:
        """Compute the contribution of each feature to a row's log-odds.

        Args:
            rows: (n, width) float64; n may be 0.

        Returns:
            (n, width) float64.

        Raises:
            ValueError: the array is not (n, width).
        """
        rows = as_rows(rows, self.width)
        out = np.zeros(rows.shape)
        explain(
            rows, self._trees.nodes, self._trees.thresholds, self._tables, self._nodes, self._features, self._table,
            self._untabulated_leaves, self._points, *self._paths, out,
        )  # fmt: skip
        return out


def _group_leaves(
    paths: Iterable[TreePath], max_table_nodes: int, max_table_bytes: int
) -> tuple[list[_LeafGroup], list[int]]:
    """Group neighboring leaves, which share most of their nodes, for tables; returns groups and untabulated leaves."""
    groups: list[_LeafGroup] = []
    untabulated: list[int] = []
    for path in paths:
        if len(path.steps) > max_table_nodes:
            untabulated.append(path.leaf)
            continue
        # A group never spans trees: two leaves have the same root only if they are in one tree.
        combined = groups[-1].nodes | dict.fromkeys(path.nodes) if groups else {}
        if not groups or path.nodes[0] not in groups[-1].nodes or len(combined) > max_table_nodes:
            groups.append(_LeafGroup({}, {}, []))
        groups[-1].add(path)
    tabulated: list[_LeafGroup] = []
    remaining = max_table_bytes // 8
    for group in groups:
        if group.size <= remaining:
            tabulated.append(group)
            remaining -= group.size
        else:
            untabulated += group.leaves
    return tabulated, untabulated


def _quadrature(max_features: int) -> Floats:
    """Concatenate the Gauss-Legendre rules of 1, 2, ... points on 0 to 1; rows are (point, weight)."""
    rules = [np.polynomial.legendre.leggauss(count) for count in range(1, (max_features + 1) // 2 + 1)]
    return np.concatenate([np.column_stack(((at + 1) / 2, weights / 2)) for at, weights in rules])


def _flat(parts: Iterable[Iterable[int]]) -> Integers:
    return np.array([number for part in parts for number in part], np.int64)


@compiled
def tabulate(
    width: int,
    node_count: int,
    tables: Integers,
    nodes: Integers,
    features: Integers,
    table: Floats,
    leaves: Integers,
    points: Floats,
    values: Floats,
    first_steps: Integers,
    first_slots: Integers,
    steps: Integers,
    path_features: Integers,
    cover: Floats,
) -> None:
    """Fill all tables: the bits of a row's number are the branches at the table's nodes."""
    branches, columns, passes = np.zeros(node_count, np.int64), np.zeros(width, np.int64), np.empty(width)
    for number in range(tables.shape[0] - 1):
        first_node, first_feature, first_leaf, first_value = tables[number]
        node_end, feature_end, leaf_end, _ = tables[number + 1]
        table_width = feature_end - first_feature
        for column in range(table_width):
            columns[features[first_feature + column]] = column
        for row in range(1 << (node_end - first_node)):
            for bit in range(node_end - first_node):
                branches[nodes[first_node + bit]] = (row >> bit) & 1
            out = table[first_value + row * table_width : first_value + (row + 1) * table_width]
            for at in range(first_leaf, leaf_end):
                _add_leaf(
                    leaves[at], branches, columns, passes,
                    points, values, first_steps, first_slots, steps, path_features, cover, out,
                )  # fmt: skip


@compiled
def explain(
    rows: Floats,
    tree_nodes: Integers,
    thresholds: Floats,
    tables: Integers,
    nodes: Integers,
    features: Integers,
    table: Floats,
    untabulated: Integers,
    points: Floats,
    values: Floats,
    first_steps: Integers,
    first_slots: Integers,
    steps: Integers,
    path_features: Integers,
    cover: Floats,
    out: Floats,
) -> None:
    """Add the contributions of each row's features to ``out`` (n, width)."""
    branches, passes = np.empty(tree_nodes.shape[0], np.int64), np.empty(rows.shape[1])
    columns = np.arange(rows.shape[1])
    for row in range(rows.shape[0]):
        for node in range(tree_nodes.shape[0]):
            branches[node] = goes_left(
                rows[row, tree_nodes[node, FEATURE]], thresholds[node], tree_nodes[node, MISSING]
            )
        for number in range(tables.shape[0] - 1):
            combination = 0
            first_node = tables[number, _NODES]
            for bit in range(tables[number + 1, _NODES] - first_node):
                combination |= branches[nodes[first_node + bit]] << bit
            first_feature = tables[number, _FEATURES]
            table_width = tables[number + 1, _FEATURES] - first_feature
            at = tables[number, _VALUES] + combination * table_width
            for column in range(table_width):
                out[row, features[first_feature + column]] += table[at + column]
        for leaf in untabulated:
            _add_leaf(
                leaf, branches, columns, passes,
                points, values, first_steps, first_slots, steps, path_features, cover, out[row],
            )  # fmt: skip


@compiled
def _add_leaf(
    leaf: int,
    branches: Integers,
    columns: Integers,
    passes: Floats,
    points: Floats,
    values: Floats,
    first_steps: Integers,
    first_slots: Integers,
    steps: Integers,
    features: Integers,
    cover: Floats,
    out: Floats,
) -> None:
    """Add the contributions of the features on a leaf's path to ``out``.

    ``branches`` (N,) is 1 at nodes where the row goes left; ``columns`` (width,) is the column of each feature in
    ``out``; ``passes`` (width,) is scratch space; ``points`` comes from ``_quadrature``, the rest from ``PackedPaths``.
    """
    first, count = first_slots[leaf], first_slots[leaf + 1] - first_slots[leaf]
    for slot in range(count):
        passes[slot] = 1.0
    for step in range(first_steps[leaf], first_steps[leaf + 1]):
        if branches[steps[step, NODE]] != steps[step, BRANCH]:
            passes[steps[step, SLOT]] = 0.0
    rule = (count + 1) // 2
    for point in range(rule * (rule - 1) // 2, rule * (rule + 1) // 2):
        time = points[point, 0]
        product = points[point, 1] * values[leaf]
        for slot in range(count):
            product *= passes[slot] * time + cover[first + slot] * (1.0 - time)
        for slot in range(count):
            slot_cover = cover[first + slot]
            factor = passes[slot] * time + slot_cover * (1.0 - time)
            out[columns[features[first + slot]]] += (passes[slot] - slot_cover) * (product / factor)
