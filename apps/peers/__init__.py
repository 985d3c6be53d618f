"""Peers: other ways to build the same system, which ``sentinel bench peers`` compares with Stream Sentinel.

Each module is one kind of peer. It calls the product's stages; nothing in the product imports a peer. To add one, see
docs/how-to/extend/peer.md.
"""

from __future__ import annotations

import importlib

from apps.peers.peer import Peer

_MODULES = ("plain_loop", "redis_consumer", "quix_streams", "bytewax_flow", "pyflink_by_the_book")


def all_peers() -> list[Peer]:
    """Return every peer, the plain loops first."""
    return [peer for name in _MODULES for peer in importlib.import_module(f"{__name__}.{name}").PEERS]
