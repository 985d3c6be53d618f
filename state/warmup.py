"""Makes every compiled function of what is remembered ready; ``udfs.warmup`` does this, and the rest.

The first time it takes half a minute, and leaves the machine code behind (``state.kernel.jit``); then a part of a second.
Without it a job would stop for so long at its first payment, and again at its first hot key.
"""

from __future__ import annotations

import numpy as np

from state.kernel.times import HOUR_MS, NEVER
from state.profiles import behavior, shared_profile, user_profile
from state.profiles.geo_and_channel import ABSENT
from state.profiles.shared_profile import DeviceProfile
from state.profiles.user_profile import PAYMENTS_KEPT, UserProfile
from state.windowing import aggregates, event_schema, raw_events, tiles

_LENGTHS = np.array([HOUR_MS], np.int64)


def warm_up() -> None:
    """Show a user and a device payments enough to make them hot, the last one late, and store and read both."""
    payments = PAYMENTS_KEPT + 2
    told_of = np.zeros((payments, event_schema.USER_EVENT_WIDTH), np.int64)
    told_of[:-1, event_schema.TIME] = told_of[:-1, event_schema.PARTY] = np.arange(payments - 1) * 1_000
    told_of[:, event_schema.DEVICE] = told_of[:, event_schema.COUNTRY] = told_of[:, event_schema.CHANNEL] = ABSENT
    told, before = np.empty((payments, 1, aggregates.OUT_WIDTH)), np.empty((payments, behavior.OUT_WIDTH))
    user, device = UserProfile(), DeviceProfile()
    ids = [str(number) for number in range(payments)]
    user_profile.observe([user] * payments, ids, told_of, _LENGTHS, told, before)
    risk = np.empty((payments, 1, 2))
    told_of = np.ascontiguousarray(told_of[:, : event_schema.SHARED_EVENT_WIDTH])
    shared_profile.observe([device] * payments, told_of, _LENGTHS, told, HOUR_MS, _LENGTHS, risk)
    device.history.observe(0, 1, 1, _LENGTHS, told[0], counts=False)
    UserProfile.unpack(user.pack())
    DeviceProfile.unpack(device.pack())
    # What the step from version 2 calls by itself.
    head, kept, older = device.history.head, device.history.recent_events, device.history.tiles
    behavior.pack(user.behavior, user.frequencies, user.recent)
    raw_events.seen_before(kept, 1, 0)
    tiles.insert(head, older, 0, 0, 1)
    raw_events.drop(head, kept, 1)
    raw_events.insert(head, kept, 0, 0, 0, NEVER, 0, 1)
