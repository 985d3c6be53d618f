"""Paths from the roots of trees to their leaves, for TreeSHAP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.lightgbm_text import Floats, Integers, Trees

NODE, BRANCH, SLOT = range(3)
"""Columns of a step: the node, the branch taken (1 for left), and the slot of the node's feature on the path."""


@dataclass(frozen=True)
class TreePath:
    """The path to a leaf.

    Attributes:
        leaf: number of the leaf.
        steps: node, branch and slot of each node on the path.
        features: feature of each slot; each feature has one slot.
        cover: for each slot, the share of training rows that all nodes of its feature let pass.
    """

    leaf: int
    steps: list[tuple[int, int, int]]
    features: list[int]
    cover: list[float]

    @property
    def nodes(self) -> list[int]:
        """Nodes of the path, from the root."""
        return [node for node, _, _ in self.steps]


class PackedPaths(NamedTuple):
    """All paths in flat arrays.

    Attributes:
        values: (L,) log-odds of the leaves.
        first_steps: (L + 1,) the steps to leaf l are ``first_steps[l]`` to ``first_steps[l + 1]``, exclusive.
        first_slots: (L + 1,) the slots of leaf l are ``first_slots[l]`` to ``first_slots[l + 1]``, exclusive.
        steps: (S, 3) node, branch and slot.
        features: (U,) feature of each slot.
        cover: (U,) cover of each slot.
    """

    values: Floats
    first_steps: Integers
    first_slots: Integers
    steps: Integers
    features: Integers
    cover: Floats


def tree_paths(trees: Trees) -> Iterator[TreePath]:
    """Generate the paths to all leaves, from left to right, tree by tree; a tree of one leaf has no path."""
    for root in trees.roots.tolist():
        # On the stack: a child, and the node, branch, feature and cover of each step to it.
        stack: list[tuple[int, list[tuple[int, int, int, float]]]] = [(root, [])]
        while stack:
            child, steps = stack.pop()
            if child >= 0:
                feature, left, right, _ = trees.nodes[child].tolist()
                stack += [
                    (following, [*steps, (child, branch, feature, _cover(trees, child, following))])
                    for branch, following in enumerate((right, left))
                ]
            elif steps:
                yield _path(~child, steps)


def _cover(trees: Trees, node: int, child: int) -> float:
    passed = trees.node_counts[child] if child >= 0 else trees.leaf_counts[~child]
    return float(passed / trees.node_counts[node])


def _path(leaf: int, steps: Sequence[tuple[int, int, int, float]]) -> TreePath:
    slots: dict[int, int] = {}
    cover: list[float] = []
    slot_steps = []
    for node, branch, feature, step_cover in steps:
        slot = slots.setdefault(feature, len(slots))
        if slot == len(cover):
            cover.append(1.0)
        cover[slot] *= step_cover
        slot_steps.append((node, branch, slot))
    return TreePath(leaf, slot_steps, list(slots), cover)


def pack_paths(trees: Trees, paths: Sequence[TreePath]) -> PackedPaths:
    """Pack the paths of all leaves, in the order of ``tree_paths``."""
    lengths = np.zeros((2, len(trees.leaves) + 1), np.int64)
    for path in paths:
        lengths[:, path.leaf + 1] = len(path.steps), len(path.features)
    first_steps, first_slots = lengths.cumsum(axis=1)
    return PackedPaths(
        trees.leaves,
        first_steps.copy(),
        first_slots.copy(),
        np.array([step for path in paths for step in path.steps], np.int64).reshape(-1, 3),
        np.array([feature for path in paths for feature in path.features], np.int64),
        np.array([share for path in paths for share in path.cover], np.float64),
    )
