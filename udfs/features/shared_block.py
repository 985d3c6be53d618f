"""The device block and the merchant block: features of a payment and a profile that many users share.

Columns are in the order of ``catalogue.DEVICE_FEATURES`` and ``catalogue.MERCHANT_FEATURES``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from state.kernel.jit import compiled
from state.kernel.keys import key_of
from state.kernel.money import to_units
from state.kernel.types import Floats, Words
from state.profiles.shared_profile import SharedProfile, observe
from state.windowing import event_schema
from udfs.features.risk import DEVICE_RISK, MERCHANT_RISK, Risk, fill_risk
from udfs.features.velocity import DEVICE_VELOCITY, MERCHANT_VELOCITY, Velocity
from udfs.features.velocity_block import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.label import Label

# A packed row takes half the time of an array made of a list of numbers.
_pack_event = struct.Struct(f"{event_schema.SHARED_EVENT_WIDTH}q").pack


class PaymentLike(Protocol):
    """The fields of a payment that a shared profile needs; ``event_time`` in epoch ms."""

    @property
    def event_time(self) -> int: ...
    @property
    def amount(self) -> float: ...
    @property
    def user_id(self) -> str: ...
    @property
    def declined(self) -> bool: ...


class SharedPayment(msgspec.Struct, frozen=True, gc=False):
    """The smallest ``PaymentLike``; for tests and benchmarks."""

    event_time: int
    amount: float
    user_id: str
    declined: bool


class SharedBlock:
    """The columns of one kind of shared profile.

    Args:
        velocities: of its entity, in column order.
        risk: the columns after them.

    Attributes:
        width: number of columns.
    """

    def __init__(self, velocities: Sequence[Velocity], risk: Risk) -> None:
        self._velocity = VelocityBlock(velocities)
        self._delay = risk.delay_ms
        self._risk_lengths = np.array(risk.windows_ms, np.int64)
        self.width = self._velocity.width + 2 * len(risk.windows_ms)

    def update_and_compute(
        self,
        pairs: Sequence[tuple[SharedProfile, PaymentLike]],
        labels: Iterable[tuple[SharedProfile, Label]] = (),
    ) -> Floats:
        """Update profiles with payments and labels, and compute the payments' features.

        Args:
            pairs: in order of arrival, best also of event time; a profile may come several times.
            labels: in any order. A label counts for the payments whose event time is not before ``labelled_at``.

        Returns:
            (n, width): the block of each payment, as of its event time; NaN where a feature is absent.
        """
        profiles = [profile for profile, _ in pairs]
        payments = [payment for _, payment in pairs]
        events = _encode_payments(payments)
        outputs = self._velocity.allocate(len(pairs))
        risk = np.empty((len(pairs), len(self._risk_lengths), 2))
        self._velocity.update_filtered(profiles, payments, events, outputs)
        start = end = 0
        for profile, label in sorted(labels, key=_labelled_at):
            while end < len(payments) and payments[end].event_time < label.labelled_at:
                end += 1
            self._update(profiles, events, outputs.unfiltered, risk, slice(start, end))
            profile.label(key_of(label.transaction_id), label.event_time, label.labelled_at, fraud=label.fraud)
            start = end
        self._update(profiles, events, outputs.unfiltered, risk, slice(start, len(pairs)))
        columns = np.empty((len(pairs), self.width))
        if pairs:
            self._velocity.fill(columns, outputs)
            fill_risk(columns, self._velocity.width, risk)
        return columns

    def _update(
        self, profiles: Sequence[SharedProfile], events: Words, windows: Floats, risk: Floats, rows: slice
    ) -> None:
        """Update the profiles with the payments of some rows; ``windows`` and ``risk`` are written."""
        if rows.start < rows.stop:
            lengths, risk_lengths = self._velocity.lengths, self._risk_lengths
            observe(profiles[rows], events[rows], lengths, windows[rows], self._delay, risk_lengths, risk[rows])


DEVICE_BLOCK = SharedBlock(DEVICE_VELOCITY, DEVICE_RISK)
MERCHANT_BLOCK = SharedBlock(MERCHANT_VELOCITY, MERCHANT_RISK)


def _encode_payments(payments: Sequence[PaymentLike]) -> Words:
    """Encode payments as rows of numbers, (n, SHARED_EVENT_WIDTH), columns of ``state.windowing.event_schema``."""
    rows = b"".join(
        [_pack_event(payment.event_time, key_of(payment.user_id), 0, payment.declined) for payment in payments]
    )
    events = np.frombuffer(bytearray(rows), np.int64).reshape(len(payments), event_schema.SHARED_EVENT_WIDTH)
    _fill_units(events, np.array([payment.amount for payment in payments], np.float64))
    return events


@compiled
def _fill_units(events: Words, amounts: Floats) -> None:
    """Write the amounts of all payments at once."""
    for row in range(events.shape[0]):
        events[row, event_schema.UNITS] = to_units(amounts[row])


def _labelled_at(labelled: tuple[SharedProfile, Label]) -> int:
    return labelled[1].labelled_at
