"""The block of something that many users share: what a payment's merchant, or its device, has seen."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled
from state.kernel.keys import key_of
from state.kernel.money import to_units
from state.kernel.types import Words
from state.profiles.shared_profile import SharedProfile, observe
from state.windowing import event_schema
from udfs.features.feature import Risk, Velocity
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.label import Label


_fact = struct.Struct(f"{event_schema.SHARED_EVENT_WIDTH}q").pack  # twice as quick as an array of a list of numbers


class PaymentLike(Protocol):
    """A payment, as far as the profile needs it; ``event_time`` is epoch ms."""

    @property
    def event_time(self) -> int: ...
    @property
    def amount(self) -> float: ...
    @property
    def user_id(self) -> str: ...
    @property
    def declined(self) -> bool: ...


class SharedPayment(msgspec.Struct, frozen=True, gc=False):
    """A payment that is nothing else; for training, tests and benchmarks."""

    event_time: int
    amount: float
    user_id: str
    declined: bool


class SharedBlock:
    """The columns of one kind of profile.

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
    ) -> npt.NDArray[np.float64]:
        """Take payments, and what others were found to be, into their profiles.

        Args:
            pairs: in order of arrival, best also of event time; a profile may come several times.
            labels: in any order. Each is known to the payments that are not before it was known.

        Returns:
            (n, width): the block of each payment, as of its event time; NaN where a feature is absent.
        """
        told = self._velocity.told(len(pairs))
        risk = np.empty((len(pairs), len(self._risk_lengths), 2))
        profiles = [profile for profile, _ in pairs]
        payments = [payment for _, payment in pairs]
        told_of = _noted(payments)
        self._velocity.observe_filtered(profiles, payments, told_of, told)
        start = end = 0
        for profile, label in sorted(labels, key=_known_since):
            while end < len(payments) and payments[end].event_time < label.labelled_at:
                end += 1
            self._observe(profiles, told_of, told.parts[0], risk, start, end)
            observe_label(profile, label)
            start = end
        self._observe(profiles, told_of, told.parts[0], risk, start, len(pairs))
        columns = np.empty((len(pairs), self.width))
        if pairs:
            self._velocity.fill(columns, told)
            _fill_risk(columns, self._velocity.width, risk)
        return columns

    def _observe(
        self,
        profiles: Sequence[SharedProfile],
        told_of: Words,
        told: npt.NDArray[np.float64],
        risk: npt.NDArray[np.float64],
        start: int,
        end: int,
    ) -> None:
        """Take the payments of some rows."""
        if start < end:
            rows = slice(start, end)
            lengths, of_risk = self._velocity.lengths, self._risk_lengths
            observe(profiles[rows], told_of[rows], lengths, told[rows], self._delay, of_risk, risk[rows])


def _noted(payments: Sequence[PaymentLike]) -> Words:
    """The columns of ``state.windowing.event_schema``, (n, facts.OF_SHARED)."""
    noted = b"".join([_fact(payment.event_time, key_of(payment.user_id), 0, payment.declined) for payment in payments])
    told_of = np.frombuffer(bytearray(noted), np.int64).reshape(len(payments), event_schema.SHARED_EVENT_WIDTH)
    _fill_units(told_of, np.array([payment.amount for payment in payments], np.float64))
    return told_of


@compiled
def _fill_units(told_of: Words, amounts: npt.NDArray[np.float64]) -> None:
    """Write the column of the amounts, of all payments at once."""
    for row in range(told_of.shape[0]):
        told_of[row, event_schema.UNITS] = to_units(amounts[row])


@compiled
def _fill_risk(columns: npt.NDArray[np.float64], start: int, risk: npt.NDArray[np.float64]) -> None:
    """Write the columns from ``start`` on."""
    for row in range(risk.shape[0]):
        for window in range(risk.shape[1]):
            settled, frauds = risk[row, window, 0], risk[row, window, 1]
            columns[row, start + 2 * window] = settled
            # Of a payment that is forgotten, or was never seen here, the label may still have come.
            share = min(frauds, settled) / settled if settled > 0 else math.nan
            columns[row, start + 2 * window + 1] = share


def observe_label(profile: SharedProfile, label: Label) -> None:
    """Take what a payment was found to be into a profile."""
    profile.label(key_of(label.transaction_id), label.event_time, fraud=label.fraud)


def _known_since(labelled: tuple[SharedProfile, Label]) -> int:
    return labelled[1].labelled_at
