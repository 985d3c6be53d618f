"""Column layout of the event matrix passed to profiles: one int64 row per payment."""

from __future__ import annotations

TIME, COUNTERPARTY, UNITS, DECLINED, DEVICE, LATITUDE, LONGITUDE, COUNTRY, CHANNEL = range(9)
"""Event time (ms); key of the counterparty: the merchant for a user, the user for a merchant or a device; amount (units
of ``state.kernel.money``); 1 if it was declined, else 0. For users also: keys of device, country and channel, and the
place in millionths of a degree; ``geo_and_channel.ABSENT`` where one is missing."""
SHARED_EVENT_WIDTH = 4
"""Number of columns for a merchant or a device."""
USER_EVENT_WIDTH = 9
"""Number of columns for a user."""
