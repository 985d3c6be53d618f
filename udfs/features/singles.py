"""The features of a user and a transaction that are not velocities: amount, time, merchant, place, account, device.

What is compared with history is compared with what came BEFORE the transaction, in event time.
"""

from __future__ import annotations

import math

from udfs.features.feature import DAY_MS, Feature

SMALL_AMOUNT = 10.0  # under this the observed fraud rate is double: cards are tested with small amounts
HIGH_AMOUNT = 1_000.0
RAPID_S = 60.0
VERY_RAPID_S = 10.0
BUSINESS_HOURS = range(9, 17)  # UTC, Monday to Friday
LATE_NIGHT_HOURS = range(5)  # UTC
NIGHT_HOURS = range(7)  # UTC; the Fraud Detection Handbook's night

_FIRST = "the first transaction of this user"
_FLAT = "fewer than two earlier transactions, or all of them of one amount"


def _flag(
    what: str, meaning: str, *, entity: str = "", aggregate: str = "", window_ms: int = 0, absent: str = ""
) -> Feature:
    return Feature(
        what=what,
        meaning=meaning,
        unit="0 or 1",
        entity=entity,
        aggregate=aggregate,
        window_ms=window_ms,
        high=1.0,
        absent=absent,
    )


AMOUNT = (
    Feature(what="amount", meaning="The amount of the transaction.", unit="currency units"),
    Feature(what="amount", aggregate="log", meaning="Natural logarithm of 1 + amount.", unit="ln(currency units)"),
    _flag("amount", f"The amount is under {SMALL_AMOUNT:g}.", aggregate="small"),
    _flag("amount", f"The amount is at least {HIGH_AMOUNT:g}.", aggregate="high"),
    _flag("amount", "The amount is a positive multiple of 100.", aggregate="round_100"),
    _flag("amount", "The amount is a positive multiple of 1,000.", aggregate="round_1000"),
    Feature(
        entity="user",
        what="amount",
        aggregate="ratio_mean",
        meaning="The amount over the mean of all the user's earlier amounts.",
        unit="ratio",
        absent=f"{_FIRST}, or every earlier amount was zero",
    ),
    Feature(
        entity="user",
        what="amount",
        aggregate="ratio_max",
        meaning="The amount over the largest of all the user's earlier amounts.",
        unit="ratio",
        absent=f"{_FIRST}, or every earlier amount was zero",
    ),
    Feature(
        entity="user",
        what="amount",
        aggregate="zscore",
        meaning="The amount less the mean of all the user's earlier amounts, over their sample standard deviation.",
        unit="standard deviations",
        low=-math.inf,
        absent=_FLAT,
    ),
    _flag(
        "amount",
        "The user paid exactly this amount before, in the last 24 h.",
        entity="user",
        aggregate="repeated",
        window_ms=DAY_MS,
        absent=_FIRST,
    ),
)

TIME = (
    Feature(what="time", aggregate="hour", meaning="Hour of the day, UTC.", unit="hour", high=23.0),
    Feature(what="time", aggregate="weekday", meaning="Day of the week, UTC; Monday is 0.", unit="day", high=6.0),
    _flag("time", "Saturday or Sunday, UTC.", aggregate="weekend"),
    _flag("time", "Monday to Friday from 09:00 to before 17:00, UTC.", aggregate="business_hours"),
    _flag("time", "From 00:00 to before 05:00, UTC.", aggregate="late_night"),
    _flag("time", "From 00:00 to before 07:00, UTC.", aggregate="night"),
    Feature(
        entity="user",
        what="transaction",
        aggregate="gap",
        meaning="Time since the user's last transaction.",
        unit="seconds",
        absent=_FIRST,
    ),
    _flag(
        "transaction",
        f"Less than {RAPID_S:g} s since the user's last transaction.",
        entity="user",
        aggregate="rapid",
        absent=_FIRST,
    ),
    _flag(
        "transaction",
        f"Less than {VERY_RAPID_S:g} s since the user's last transaction.",
        entity="user",
        aggregate="very_rapid",
        absent=_FIRST,
    ),
    Feature(
        entity="user",
        what="hour",
        aggregate="share",
        meaning="Share of the user's earlier transactions in this hour of the day; 0 is an hour never seen.",
        unit="share",
        high=1.0,
        absent=_FIRST,
    ),
)

MERCHANT = (
    _flag("merchant", "The user has not paid this merchant before.", entity="user", aggregate="new", absent=_FIRST),
    Feature(
        entity="user",
        what="merchant",
        aggregate="share",
        meaning="Share of the user's earlier transactions that went to this merchant.",
        unit="share",
        high=1.0,
        absent=_FIRST,
    ),
    Feature(
        what="merchant_category",
        aggregate="risk",
        meaning="How much fraud the merchant's category usually attracts, from 0 to 1.",
        unit="share",
        high=1.0,
        absent="merchant_category not given, or not known",
    ),
)

_NO_PLACE = "location.latitude or location.longitude not given"
_NO_COUNTRY = "location.country not given"

PLACE = (
    Feature(
        entity="user",
        what="place",
        aggregate="distance_last",
        meaning="Distance from where the user paid last, along the Earth's surface.",
        unit="km",
        absent=f"{_NO_PLACE}, or no earlier place known",
    ),
    Feature(
        entity="user",
        what="place",
        aggregate="distance_usual",
        meaning="Distance from the centre of the one-degree cell in which the user pays most.",
        unit="km",
        absent=f"{_NO_PLACE}, or no earlier place known",
    ),
    Feature(
        entity="user",
        what="place",
        aggregate="speed",
        meaning="Speed at which one would have had to travel from where the user paid last; a second at least.",
        unit="km/h",
        absent=f"{_NO_PLACE}, or no earlier place known",
    ),
    _flag(
        "country",
        "The user has not paid in this country before.",
        entity="user",
        aggregate="new",
        absent=f"{_NO_COUNTRY}, or no earlier country known",
    ),
    _flag(
        "country",
        "The country is another than the one in which the user pays most.",
        entity="user",
        aggregate="foreign",
        absent=f"{_NO_COUNTRY}, or no earlier country known",
    ),
    _flag("country", "The country is one of high risk.", aggregate="high_risk", absent=_NO_COUNTRY),
)

ACCOUNT = (
    Feature(
        what="account",
        aggregate="age",
        meaning="Age of the account at the time of the transaction; negative when it claims to be opened later.",
        unit="days",
        low=-math.inf,
        absent="account.created_at not given",
    ),
    Feature(
        what="account",
        aggregate="limit_share",
        meaning="The amount over the credit limit of the account.",
        unit="share",
        absent="account.credit_limit not given, or not above zero",
    ),
    Feature(
        entity="user",
        what="account_event",
        aggregate="count",
        window_ms=DAY_MS,
        meaning="Number of the user's account events (log-ins, resets, changes) in the last 24 h; stops at 128.",
        unit="events",
    ),
)

DEVICE = (
    Feature(
        entity="user",
        what="channel",
        aggregate="share",
        meaning="Share of the user's earlier transactions that came through this channel; 0 is a channel never used.",
        unit="share",
        high=1.0,
        absent="channel not given, or no earlier channel known",
    ),
    _flag("card_present", "The card was present.", absent="card_present not given"),
    _flag(
        "device",
        "The user has not used this device before.",
        entity="user",
        aggregate="new",
        absent="device.id not given, or no device known of this user",
    ),
)

USER_SINGLES = (*AMOUNT, *TIME, *MERCHANT, *PLACE, *ACCOUNT, *DEVICE)
