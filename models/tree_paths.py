"""The ways from the roots of trees to their leaves, by which explanations are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.lightgbm_text import Floats, Integers, Trees

NODE, ANSWER, SLOT = range(3)
"""Columns of a step: the node, the answer that leads on (1 for left), and the place of its feature on the path."""


@dataclass(frozen=True)
class Path:
    """The way to a leaf.

    Attributes:
        leaf: its number.
        steps: node, answer and slot of each node on the way.
        features: by slot, each once.
        shares: by slot, of the training rows those that pass all the feature's nodes.
    """

    leaf: int
    steps: list[tuple[int, int, int]]
    features: list[int]
    shares: list[float]

    @property
    def nodes(self) -> list[int]:
        """On the way, from the root on."""
        return [node for node, _, _ in self.steps]


class PackedPaths(NamedTuple):
    """Paths in arrays.

    Attributes:
        values: (L,) log-odds of the leaves.
        first_steps: (L + 1,) the steps to leaf l are ``first_steps[l]`` to ``first_steps[l + 1]``, exclusive.
        first_slots: (L + 1,) likewise of its slots.
        steps: (S, 3).
        features: (U,) of the slots.
        shares: (U,) of the slots.
    """

    values: Floats
    first_steps: Integers
    first_slots: Integers
    steps: Integers
    features: Integers
    shares: Floats


def paths(trees: Trees) -> Iterator[Path]:
    """The ways to all leaves, from left to right, tree by tree; a leaf that is a whole tree has none."""
    for root in trees.roots.tolist():
        # On the stack: a child, and node, answer, feature and share of every step to it.
        stack: list[tuple[int, list[tuple[int, int, int, float]]]] = [(root, [])]
        while stack:
            child, steps = stack.pop()
            if child >= 0:
                feature, left, right, _ = trees.nodes[child].tolist()
                stack += [
                    (following, [*steps, (child, answer, feature, _share(trees, child, following))])
                    for answer, following in enumerate((right, left))
                ]
            elif steps:
                yield _path(~child, steps)


def _share(trees: Trees, node: int, child: int) -> float:
    passed = trees.node_rows[child] if child >= 0 else trees.leaf_rows[~child]
    return float(passed / trees.node_rows[node])


def _path(leaf: int, steps: Sequence[tuple[int, int, int, float]]) -> Path:
    slots: dict[int, int] = {}
    shares: list[float] = []
    placed = []
    for node, answer, feature, share in steps:
        slot = slots.setdefault(feature, len(slots))
        if slot == len(shares):
            shares.append(1.0)
        shares[slot] *= share
        placed.append((node, answer, slot))
    return Path(leaf, placed, list(slots), shares)


def pack(trees: Trees, found: Sequence[Path]) -> PackedPaths:
    """All paths of the trees, in the order in which ``paths`` gives them."""
    lengths = np.zeros((2, len(trees.leaves) + 1), np.int64)
    for path in found:
        lengths[:, path.leaf + 1] = len(path.steps), len(path.features)
    first_steps, first_slots = lengths.cumsum(axis=1)
    return PackedPaths(
        trees.leaves,
        first_steps.copy(),
        first_slots.copy(),
        np.array([step for path in found for step in path.steps], np.int64).reshape(-1, 3),
        np.array([feature for path in found for feature in path.features], np.int64),
        np.array([share for path in found for share in path.shares], np.float64),
    )
