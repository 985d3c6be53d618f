"""Makes every compiled function of what is remembered ready; ``udfs.ready`` does this, and the rest.

The first time it takes half a minute, and leaves the machine code behind (``state.compiled``); then a part of a second.
Without it a job would stop for so long at its first payment, and again at its first hot key.
"""

from __future__ import annotations

import numpy as np

from state import events, facts, habits, shared_profile, tiles, user_profile, windows
from state.shared_profile import DeviceProfile
from state.surroundings import ABSENT
from state.times import HOUR_MS, NEVER
from state.user_profile import PAYMENTS_KEPT, UserProfile

_LENGTHS = np.array([HOUR_MS], np.int64)


def make_ready() -> None:
    """Show a user and a device payments enough to make them hot, the last one late, and store and read both."""
    payments = PAYMENTS_KEPT + 2
    told_of = np.zeros((payments, facts.OF_USER), np.int64)
    told_of[:-1, facts.TIME] = told_of[:-1, facts.PARTY] = np.arange(payments - 1) * 1_000
    told_of[:, facts.DEVICE] = told_of[:, facts.COUNTRY] = told_of[:, facts.CHANNEL] = ABSENT
    told, before = np.empty((payments, 1, windows.TOLD)), np.empty((payments, habits.TOLD))
    user, device = UserProfile(), DeviceProfile()
    ids = [str(number) for number in range(payments)]
    user_profile.observe([user] * payments, ids, told_of, _LENGTHS, told, before)
    risk = np.empty((payments, 1, 2))
    told_of = np.ascontiguousarray(told_of[:, : facts.OF_SHARED])
    shared_profile.observe([device] * payments, told_of, _LENGTHS, told, HOUR_MS, _LENGTHS, risk)
    device.history.observe(0, 1, 1, _LENGTHS, told[0], counts=False)
    UserProfile.unpack(user.pack())
    DeviceProfile.unpack(device.pack())
    # What the step from version 2 calls by itself.
    head, kept, older = device.history.head, device.history.kept, device.history.older
    habits.pack(user.habits, user.known, user.recent)
    events.seen_before(kept, 1, 0)
    tiles.insert(head, older, 0, 0, 1)
    events.drop(head, kept, 1)
    events.insert(head, kept, 0, 0, 0, NEVER, 0, 1)
