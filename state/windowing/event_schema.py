"""What a payment tells the profiles that it is of: whole numbers, one column each, a row a payment."""

from __future__ import annotations

TIME, PARTY, UNITS, DECLINED, DEVICE, LATITUDE, LONGITUDE, COUNTRY, CHANNEL = range(9)
"""Event time (ms); key of the other party: the merchant of a user, the user of a merchant or device; amount, in units
of ``state.kernel.money``; 1 if it was declined; and for users, where and how it was made: keys and millionths of a degree,
``surroundings.ABSENT`` where there is none."""
SHARED_EVENT_WIDTH = 4
"""So many columns do for a merchant or a device."""
USER_EVENT_WIDTH = 9
