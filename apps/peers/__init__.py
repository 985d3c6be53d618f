"""What a team would pick instead of this product, doing the same work: for ``sentinel bench peers``.

One file is one kind of peer; README.md beside this says what is fair. A peer borrows the product's functions and lives
apart from it: nothing of the product knows of any.
"""

from __future__ import annotations

import importlib

from apps.peers.peer import Peer

_MODULES = ("plain_loop", "redis_consumer", "quix_streams", "bytewax_flow", "pyflink_by_the_book")


def all_peers() -> list[Peer]:
    """Every peer, the ceiling first."""
    return [peer for name in _MODULES for peer in importlib.import_module(f"{__name__}.{name}").PEERS]
