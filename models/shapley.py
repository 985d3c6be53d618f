"""What each feature added to a score: exact Shapley values of trees (TreeSHAP, path dependent, as LightGBM's own).

A leaf adds what it is worth to the score that is expected while only some features are known, for the part of all
payments that come to it: of a known feature that is all or nothing (``one``: 1 or 0), of an unknown one the share of
the training rows that pass its nodes (``share``). The Shapley value of feature j is what knowing it changes, averaged
over all orders in which the features may become known. Let each become known at a random time between 0 and 1; then

    value * (one_j - share_j) * integral over t from 0 to 1 of  product over i != j of (one_i * t + share_i * (1 - t))

A polynomial of t, of a degree less than the number of features: Gauss-Legendre quadrature with half as many points as
there are features integrates it exactly. All factors are positive, so nothing cancels, however deep the tree. TreeSHAP
(Lundberg et al., "From local explanations to global understanding with explainable AI for trees", 2020) computes the
same by recursion.

What features let pass depends on the answers of the nodes alone, yes or no. So what the leaves around a few nodes come
to is tabulated for every combination of their answers ("Fast TreeSHAP v2" by Yang, 2021, does so leaf by leaf), and to
explain a payment is to ask all nodes and to add up one row of each table. Leaves further from the root than a table has
nodes are integrated for each payment, and so are all that come after the tables reached their limit of memory.

Microseconds a payment, explained 20 at a time (medians of one run on a busy machine), 100 trees of 15 leaves up to
14 nodes deep, where LightGBM 4.7.0's own takes 195, and one by one 232 (here 27):

    nodes of a table        0       8      10      11
    microseconds          148      30      17      16
    leaves in no table  1,500      98      13       4
    MiB of all tables       0     2.6     8.4    13.5
    ms to fill them        12      43     120     192
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forest import as_rows
from models.lightgbm_text import ABSENCE, FEATURE, Floats, Integers, Trees, goes_left
from models.tree_paths import ANSWER, NODE, SLOT, Path, pack, paths
from state.kernel.jit import compiled

NODES_OF_TABLE = 10
"""Nodes that a table is for, at most: it has 2^10 rows."""
TABLES_AT_MOST = 16 * 2**20
"""Bytes of all tables of a model together."""

_NODES, _FEATURES, _LEAVES, _VALUES = range(4)
"""Columns of a table: where its nodes, features, leaves and values begin."""


@dataclass(frozen=True)
class _Group:
    """Leaves that share a table, each once: what it is for is in the order in which it was first met."""

    nodes: dict[int, None]
    features: dict[int, None]
    leaves: list[int]

    @property
    def size(self) -> int:
        """Values of the table."""
        return len(self.features) << len(self.nodes)

    def add(self, path: Path) -> None:
        self.nodes.update(dict.fromkeys(path.nodes))
        self.features.update(dict.fromkeys(path.features))
        self.leaves.append(path.leaf)


class Explainer:
    """The trees of a model, ready to be asked why.

    Args:
        trees: of the model.
        nodes_of_table: nodes that a table is for, at most; 0 for no tables.
        tables_at_most: bytes of all tables.

    Attributes:
        width: features that a row has.
        table_bytes: what the tables take.
        untabulated: how many leaves are in none.
    """

    def __init__(
        self, trees: Trees, nodes_of_table: int = NODES_OF_TABLE, tables_at_most: int = TABLES_AT_MOST
    ) -> None:
        self.width = trees.width
        found = list(paths(trees))
        groups, alone = _groups(found, nodes_of_table, tables_at_most)
        deepest = max((len(path.features) for path in found), default=1)
        self._trees = trees
        self._points = _quadrature(deepest)
        self._paths = pack(trees, found)
        starts = np.array([[0] * 4, *([len(g.nodes), len(g.features), len(g.leaves), g.size] for g in groups)])
        self._tables = starts.astype(np.int64).cumsum(axis=0)
        self._nodes, self._features = _flat(g.nodes for g in groups), _flat(g.features for g in groups)
        self._table = np.zeros(int(self._tables[-1, _VALUES]))
        tabulate(
            trees.width, len(trees.nodes), self._tables, self._nodes, self._features, self._table,
            _flat(g.leaves for g in groups), self._points, *self._paths,
        )  # fmt: skip
        self._alone = np.array(alone, np.int64)
        self.table_bytes = self._table.nbytes
        self.untabulated = len(alone)

    def contributions(self, rows: NDArray[np.float64]) -> Floats:
        """What each feature added to a row's log-odds, or took from them.

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
            self._alone, self._points, *self._paths, out,
        )  # fmt: skip
        return out


def _groups(found: Iterable[Path], nodes_of_table: int, tables_at_most: int) -> tuple[list[_Group], list[int]]:
    """Leaves that share tables, and those that are alone. Neighbours share most of their nodes, so they go together."""
    groups: list[_Group] = []
    alone: list[int] = []
    for path in found:
        if len(path.steps) > nodes_of_table:
            alone.append(path.leaf)
            continue
        # The root is the same for leaves of one tree only.
        together = groups[-1].nodes | dict.fromkeys(path.nodes) if groups else {}
        if not groups or path.nodes[0] not in groups[-1].nodes or len(together) > nodes_of_table:
            groups.append(_Group({}, {}, []))
        groups[-1].add(path)
    kept: list[_Group] = []
    left = tables_at_most // 8
    for group in groups:
        if group.size <= left:
            kept.append(group)
            left -= group.size
        else:
            alone += group.leaves
    return kept, alone


def _quadrature(deepest: int) -> Floats:
    """Times and weights of Gauss-Legendre rules from 0 to 1, one after the other: of one point, of two, and so on."""
    rules = [np.polynomial.legendre.leggauss(count) for count in range(1, (deepest + 1) // 2 + 1)]
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
    shares: Floats,
) -> None:
    """Fill ``table``, row by row: the answers of a table's nodes are the bits of its row's number."""
    answers, place, ones = np.zeros(node_count, np.int64), np.zeros(width, np.int64), np.empty(width)
    for number in range(tables.shape[0] - 1):
        first_node, first_feature, first_leaf, first_value = tables[number]
        node_end, feature_end, leaf_end, _ = tables[number + 1]
        across = feature_end - first_feature
        for column in range(across):
            place[features[first_feature + column]] = column
        for row in range(1 << (node_end - first_node)):
            for bit in range(node_end - first_node):
                answers[nodes[first_node + bit]] = (row >> bit) & 1
            out = table[first_value + row * across : first_value + (row + 1) * across]
            for at in range(first_leaf, leaf_end):
                _add_leaf(
                    leaves[at], answers, place, ones,
                    points, values, first_steps, first_slots, steps, path_features, shares, out,
                )  # fmt: skip


@compiled
def explain(
    rows: Floats,
    asked: Integers,
    thresholds: Floats,
    tables: Integers,
    nodes: Integers,
    features: Integers,
    table: Floats,
    alone: Integers,
    points: Floats,
    values: Floats,
    first_steps: Integers,
    first_slots: Integers,
    steps: Integers,
    path_features: Integers,
    shares: Floats,
    out: Floats,
) -> None:
    """Add to ``out`` (n, width) the contributions of each row's features."""
    answers, ones = np.empty(asked.shape[0], np.int64), np.empty(rows.shape[1])
    place = np.arange(rows.shape[1])
    for row in range(rows.shape[0]):
        for node in range(asked.shape[0]):
            answers[node] = goes_left(rows[row, asked[node, FEATURE]], thresholds[node], asked[node, ABSENCE])
        for number in range(tables.shape[0] - 1):
            combination = 0
            first_node = tables[number, _NODES]
            for bit in range(tables[number + 1, _NODES] - first_node):
                combination |= answers[nodes[first_node + bit]] << bit
            first_feature = tables[number, _FEATURES]
            across = tables[number + 1, _FEATURES] - first_feature
            at = tables[number, _VALUES] + combination * across
            for column in range(across):
                out[row, features[first_feature + column]] += table[at + column]
        for leaf in alone:
            _add_leaf(
                leaf, answers, place, ones,
                points, values, first_steps, first_slots, steps, path_features, shares, out[row],
            )  # fmt: skip


@compiled
def _add_leaf(
    leaf: int,
    answers: Integers,
    place: Integers,
    ones: Floats,
    points: Floats,
    values: Floats,
    first_steps: Integers,
    first_slots: Integers,
    steps: Integers,
    features: Integers,
    shares: Floats,
    out: Floats,
) -> None:
    """Add what a leaf contributes by each feature on its path.

    ``answers`` (N,) are those of all nodes, 1 for left; ``place`` (width,) says where in ``out`` a feature stands;
    ``ones`` (width,) is to work in; ``points`` are of ``_quadrature``, what follows is of ``PackedPaths``.
    """
    first, count = first_slots[leaf], first_slots[leaf + 1] - first_slots[leaf]
    for slot in range(count):
        ones[slot] = 1.0
    for step in range(first_steps[leaf], first_steps[leaf + 1]):
        if answers[steps[step, NODE]] != steps[step, ANSWER]:
            ones[steps[step, SLOT]] = 0.0
    rule = (count + 1) // 2
    for point in range(rule * (rule - 1) // 2, rule * (rule + 1) // 2):
        time = points[point, 0]
        product = points[point, 1] * values[leaf]
        for slot in range(count):
            product *= ones[slot] * time + shares[first + slot] * (1.0 - time)
        for slot in range(count):
            share = shares[first + slot]
            factor = ones[slot] * time + share * (1.0 - time)
            out[place[features[first + slot]]] += (ones[slot] - share) * (product / factor)
