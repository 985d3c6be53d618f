"""The truth about a payment, which comes late."""

from __future__ import annotations

from typing import Generic, Literal, cast

import msgspec
from msgspec import field

from udfs.records.limits import Limits
from udfs.records.reader import check_identifier, check_key, read_settled
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms


class Label(msgspec.Struct, Generic[Time]):
    """A verdict.

    Attributes:
        event_time: of the payment, epoch milliseconds.
        labelled_at: when the truth became known (``timestamp`` in JSON), epoch milliseconds.
        verdict: ``label`` in JSON.
        source: who says so.
        device_id: what the payment was made with, where known: the device's risk learns from it.
    """

    transaction_id: str
    user_id: str
    merchant_id: str
    event_time: Time
    labelled_at: Time = field(name="timestamp")
    verdict: Literal["fraud", "legitimate"] = field(name="label")
    source: Literal["chargeback", "analyst"] = "chargeback"
    device_id: str | None = None

    @property
    def fraud(self) -> bool:
        """Whether the payment was fraud."""
        return self.verdict == "fraud"


_decoder = msgspec.json.Decoder(Label[AsRead])


def decode_label(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> Label | Refusal:
    """Read a record of the ``labels`` topic; arguments as of ``decode_transaction``."""
    label = read_settled(_decoder, value, limits, _settle_times)
    if isinstance(label, Refusal):
        return label
    return (
        check_identifier("transaction_id", label.transaction_id)
        or check_identifier("user_id", label.user_id)
        or check_identifier("merchant_id", label.merchant_id)
        or (None if label.device_id is None else check_identifier("device_id", label.device_id))
        or check_key(key, label.user_id)
        or check_event_time("event_time", label.event_time, now_ms, limits)
        or check_event_time("timestamp", label.labelled_at, now_ms, limits)
        or label
    )


def _settle_times(label: Label[AsRead]) -> Label:
    """The same label, its times in epoch milliseconds."""
    if isinstance(label.event_time, str):
        label.event_time = epoch_ms("event_time", label.event_time)
    if isinstance(label.labelled_at, str):
        label.labelled_at = epoch_ms("timestamp", label.labelled_at)
    return cast("Label", label)
