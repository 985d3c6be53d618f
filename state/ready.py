"""Makes every compiled function ready: ``python -m state.ready``, and each stage as it starts.

The first time it takes half a minute, and leaves the machine code behind (``state.compiled``); then a part of a second.
Without it a job would stop for so long at its first payment, and again at its first hot key.
"""

from __future__ import annotations

import numpy as np

from state import events, habits, tiles, windows
from state.shared_profile import DeviceProfile
from state.surroundings import ABSENT
from state.times import HOUR_MS, NEVER
from state.user_profile import PAYMENTS_KEPT, UserProfile

_LENGTHS = np.array([HOUR_MS], np.int64)


def make_ready() -> None:
    """Show a user and a device payments enough to make them hot, the last one late, and store and read both."""
    user, device = UserProfile(), DeviceProfile()
    told, before, risk = np.empty((1, windows.TOLD)), np.empty(habits.TOLD), np.empty((1, 2))
    for number in range(PAYMENTS_KEPT + 2):
        time = 0 if number == PAYMENTS_KEPT + 1 else number * 1_000
        user.observe(str(number), time, 1, 1, ABSENT, 0, 0, ABSENT, ABSENT, _LENGTHS, told, before, declined=False)
        device.observe(time, number, 1, _LENGTHS, told, HOUR_MS, _LENGTHS, risk, declined=False)
    device.history.observe(0, 1, 1, _LENGTHS, told, counts=False)
    UserProfile.unpack(user.pack())
    DeviceProfile.unpack(device.pack())
    # What the step from version 2 calls by itself.
    head, kept, older = device.history.head, device.history.kept, device.history.older
    events.seen_before(kept, 1, 0)
    tiles.insert(head, older, 0, 0, 1)
    events.drop(head, kept, 1)
    events.insert(head, kept, 0, 0, 0, NEVER, 0, 1)


if __name__ == "__main__":
    make_ready()
