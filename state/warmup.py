"""Warm-up of the compiled functions of ``state``; ``udfs.warmup`` calls it among others.

Without a warm-up, a job would stop at its first payment and again at its first hot key: compilation takes half a
minute, and loading cached machine code (``state.kernel.jit``) a part of a second.
"""

from __future__ import annotations

import numpy as np

from state.kernel.times import HOUR_MS
from state.profiles import behavior, shared_profile, user_profile
from state.profiles.geo_and_channel import ABSENT
from state.profiles.shared_profile import DeviceProfile
from state.profiles.user_profile import MAX_RECENT_PAYMENTS, UserProfile
from state.windowing import aggregates, event_schema

_LENGTHS = np.array([HOUR_MS], np.int64)


def warm_up() -> None:
    """Compile or load all functions: make a user and a device hot, the last payment late, then pack and unpack both."""
    payments = MAX_RECENT_PAYMENTS + 2
    events = np.zeros((payments, event_schema.USER_EVENT_WIDTH), np.int64)
    events[:-1, event_schema.TIME] = events[:-1, event_schema.COUNTERPARTY] = np.arange(payments - 1) * 1_000
    events[:, event_schema.DEVICE] = events[:, event_schema.COUNTRY] = events[:, event_schema.CHANNEL] = ABSENT
    out, behavior_out = np.empty((payments, 1, aggregates.OUT_WIDTH)), np.empty((payments, behavior.OUT_WIDTH))
    user, device = UserProfile(), DeviceProfile()
    ids = [str(number) for number in range(payments)]
    user_profile.observe([user] * payments, ids, events, _LENGTHS, out, behavior_out)
    risk = np.empty((payments, 1, 2))
    shared_events = np.ascontiguousarray(events[:, : event_schema.SHARED_EVENT_WIDTH])
    shared_profile.observe([device] * payments, shared_events, _LENGTHS, out, HOUR_MS, _LENGTHS, risk)
    device.history.observe(0, 1, 1, _LENGTHS, out[0], counts=False)
    user.add_account_event(0)
    UserProfile.unpack(user.pack())
    DeviceProfile.unpack(device.pack())
