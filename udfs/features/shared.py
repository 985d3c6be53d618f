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
        self._risk = risk
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
        told: list[int] = []
        due: list[float] = []
        windows = self._velocity.windows
        waiting = deque(sorted(labels, key=_known_since))
        for profile, payment in pairs:
            history = profile.history
            time = payment.event_time
            while waiting and waiting[0][1].labelled_at <= time:
                observe_label(*waiting.popleft())
            self._tell_risk(profile, time, due)
            history.observe(
                history.place(time),
                time,
                to_units(payment.amount),
                key_of(payment.user_id),
                payment.declined,
                windows=windows,
                told=told,
            )
        for labelled in waiting:
            observe_label(*labelled)
        columns = np.empty((len(pairs), self.width))
        if pairs:
            self._velocity.fill(columns[:, : self._velocity.width], told)
            self._fill_risk(columns[:, self._velocity.width :], due)
        return columns

    def _tell_risk(self, profile: SharedProfile, time: int, due: list[float]) -> None:
        """Append payments due and frauds among them, window by window."""
        end = time - self._risk.delay_ms
        history = profile.history
        if not history.times or (history.times[0] > end and history.older is None):
            due += _NOTHING_DUE[: 2 * len(self._risk.windows_ms)]
            return
        settled, frauds = history.count_after(end), profile.frauds_after(end)
        for window in self._risk.windows_ms:
            start = end - window
            due += (history.count_after(start) - settled, profile.frauds_after(start) - frauds)

    def _fill_risk(self, columns: npt.NDArray[np.float64], due: Sequence[float]) -> None:
        told = np.array(due, np.float64).reshape(len(columns), -1, 2)
        settled, frauds = told[:, :, 0], told[:, :, 1]
        columns[:, 0::2] = settled
        # Of a payment that is forgotten, or was never seen here, the label may still have come.
        columns[:, 1::2] = np.divide(
            np.minimum(frauds, settled), settled, out=np.full(settled.shape, np.nan), where=settled > 0
        )


_NOTHING_DUE = (0,) * 64


def observe_label(profile: SharedProfile, label: Label) -> None:
    """Take what a payment was found to be into a profile."""
    profile.label(key_of(label.transaction_id), label.event_time, fraud=label.fraud)


def _known_since(labelled: tuple[SharedProfile, Label]) -> int:
    return labelled[1].labelled_at
