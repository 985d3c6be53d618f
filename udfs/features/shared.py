"""The block of something that many users share: what a payment's merchant, or its device, has seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from state.keys import key_of
from state.moments import to_units
from state.shared_profile import SharedProfile
from udfs.features.feature import Risk, Velocity
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.label import Label


class SharedPayment(msgspec.Struct, frozen=True, gc=False):
    """What the profile needs of a payment; ``event_time`` is epoch ms."""

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

    def observe(
        self,
        pairs: Sequence[tuple[SharedProfile, SharedPayment]],
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
        waiting = deque(sorted(labels, key=_known_since))
        for row, (profile, payment) in enumerate(pairs):
            time = payment.event_time
            while waiting and waiting[0][1].labelled_at <= time:
                observe_label(*waiting.popleft())
            units, user = to_units(payment.amount), key_of(payment.user_id)
            self._velocity.observe_filtered(profile, payment, user, units, told, row)
            profile.observe(
                time,
                user,
                units,
                self._velocity.lengths,
                told[0][row],
                self._delay,
                self._risk_lengths,
                risk[row],
                declined=payment.declined,
            )
        for labelled in waiting:
            observe_label(*labelled)
        columns = np.empty((len(pairs), self.width))
        if pairs:
            self._velocity.fill(columns[:, : self._velocity.width], told)
            _fill_risk(columns[:, self._velocity.width :], risk)
        return columns


def _fill_risk(columns: npt.NDArray[np.float64], risk: npt.NDArray[np.float64]) -> None:
    settled, frauds = risk[:, :, 0], risk[:, :, 1]
    columns[:, 0::2] = settled
    # Of a payment that is forgotten, or was never seen here, the label may still have come.
    columns[:, 1::2] = np.divide(
        np.minimum(frauds, settled), settled, out=np.full(settled.shape, np.nan), where=settled > 0
    )


def observe_label(profile: SharedProfile, label: Label) -> None:
    """Take what a payment was found to be into a profile."""
    profile.label(key_of(label.transaction_id), label.event_time, fraud=label.fraud)


def _known_since(labelled: tuple[SharedProfile, Label]) -> int:
    return labelled[1].labelled_at
