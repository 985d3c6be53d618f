"""Compiles every compiled function: ``python -m udfs.warmup``, and the first stage that starts in a process.

It decides a few payments, which calls all features and conditions; ``state.warmup`` covers hot profiles, and
``models.warmup`` models. The first time takes a minute, and fills the cache (``state.kernel.jit``); then it takes a
fraction of a second.
"""

from __future__ import annotations

import json
from functools import cache
from threading import Lock

import msgspec

from models import warmup as models_warmup
from models.metadata import Metadata
from state import warmup as state_warmup
from udfs.control.record import ThresholdsBody
from udfs.names import Kind
from udfs.patterns.pattern import Pattern
from udfs.pipeline import Pipeline
from udfs.rules.rule import Rule
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.minute_totals import MinuteTotals

READ_BY_ALL = (Pattern, Rule, ThresholdsBody, Metadata, MinuteTotals)
"""Types that several stages read, and that no decoder of a module knows since it was imported. msgspec looks at a type
when it is first read, and where two threads do so side by side, one finds the half of it and takes the whole
TaskManager down."""

_NOW_MS = 1_800_000_000_000
_one_at_a_time = Lock()


def warm_up() -> None:
    """Once a process: its stages start side by side, and the others wait for the first one."""
    with _one_at_a_time:
        _warm_up()


@cache
def _warm_up() -> None:
    """Have payments with a device and without decided, by the default rules and patterns."""
    for read in READ_BY_ALL:
        msgspec.json.Decoder(read)
    state_warmup.warm_up()
    models_warmup.warm_up()
    pipeline = Pipeline()
    for number, device in enumerate((None, "device", "device")):
        record = _record(number, device)
        # The repeat is compared with the payment.
        pipeline.process([record, record], _NOW_MS)


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
    return encode_envelope(Envelope(Kind.TRANSACTION, 0, number, b"user", json.dumps(payment).encode()))


if __name__ == "__main__":
    warm_up()
