"""Labels: whether a payment was fraud, as known later."""

from __future__ import annotations

from typing import Generic, Literal, cast

import msgspec
from msgspec import field

from udfs.records.decoding import check_identifier, check_key, check_normal, decode_record, device_identifier
from udfs.records.limits import Limits
from udfs.records.normal_form import normal_identifier, normal_user
from udfs.records.readable import LABEL
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms


class Label(msgspec.Struct, Generic[Time]):
    """The label of one payment.

    Attributes:
        event_time: of the payment, epoch milliseconds.
        labelled_at: when the label was given (``timestamp`` in JSON), epoch milliseconds.
        verdict: the finding, ``label`` in JSON.
        source: who found it.
        device_id: device of the payment, where known: its risk is updated with the label.
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
    """Decode a record of the ``labels`` topic; arguments are those of ``decode_transaction``."""
    decoded = decode_record(_decoder, LABEL, value, limits, _parse_times)
    if isinstance(decoded, Refusal):
        return decoded
    label, _ = decoded
    label.transaction_id = normal_identifier(label.transaction_id)
    label.merchant_id = normal_identifier(label.merchant_id)
    label.user_id = normal_user(label.user_id)
    if label.device_id is not None:
        label.device_id = device_identifier(label.device_id)
    return (
        check_identifier("transaction_id", label.transaction_id)
        or check_normal("user_id", label.user_id)
        or check_identifier("user_id", label.user_id)
        or check_identifier("merchant_id", label.merchant_id)
        or check_key(key, label.user_id)
        or check_event_time("event_time", label.event_time, now_ms, limits)
        or check_event_time("timestamp", label.labelled_at, now_ms, limits)
        or label
    )


def _parse_times(label: Label[AsRead]) -> Label:
    """Parse the times of a label in place, and return the label."""
    if isinstance(label.event_time, str):
        label.event_time = epoch_ms("event_time", label.event_time)
    if isinstance(label.labelled_at, str):
        label.labelled_at = epoch_ms("timestamp", label.labelled_at)
    return cast("Label", label)
