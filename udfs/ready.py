"""Makes every compiled function ready: ``python -m udfs.ready``, and each stage as it starts.

It has a few payments decided, since they call all of features and conditions; what hot profiles need is made ready by
``state.ready``, and what models need by ``models.ready``. The first time it takes a minute, and leaves the machine code
behind (``state.compiled``); then a part of a second.
"""

from __future__ import annotations

import json

from models import ready as models_ready
from state import ready as state_ready
from udfs.names import Kind
from udfs.pipeline import Pipeline
from udfs.stages.envelope import Envelope, seal_envelope

_NOW_MS = 1_800_000_000_000


def make_ready() -> None:
    """Have payments with a device and without decided, by the ready rules and patterns."""
    state_ready.make_ready()
    models_ready.make_ready()
    pipeline = Pipeline()
    for number, device in enumerate((None, "device", "device")):
        pipeline.process([_record(number, device)], _NOW_MS)


def _record(number: int, device: str | None) -> bytes:
    payment = {
        "transaction_id": str(number),
        "user_id": "user",
        "amount": 1.0,
        "currency": "EUR",
        "merchant_id": "merchant",
        "timestamp": _NOW_MS + number,
        "channel": "web",
        "device": {"id": device},
        "metadata": {"declined": True},
    }
    return seal_envelope(Envelope(Kind.TRANSACTION, 0, number, b"user", json.dumps(payment).encode()))


if __name__ == "__main__":
    make_ready()
