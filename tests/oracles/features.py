"""The slow and obviously right feature computation: keep everything, look at everything, use nothing clever.

What is "before" a payment is every payment that arrived before it and is not newer in event time; a payment that comes
late is so compared with what it would have been compared with in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from tests.oracles import surroundings
from udfs.features.catalogue import USER_FEATURES

USER_WINDOWS = {
    "5m": 5 * MINUTE_MS,
    "1h": HOUR_MS,
    "6h": 6 * HOUR_MS,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
    "30d": 30 * DAY_MS,
}
RISK_WINDOWS = {"24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}
SHARED_WINDOWS = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}


@dataclass(frozen=True)
class Payment:
    """A payment as the oracle sees it; ``party`` is the merchant of a user, the user of a merchant, or of a device.

    ``place`` is latitude and longitude in degrees.
    """

    time: int
    amount: float
    party: str
    declined: bool = False
    device: str | None = None
    place: tuple[float, float] | None = None
    country: str | None = None
    channel: str | None = None


def user_features(arrived: list[Payment], payment: Payment, account_events: list[int]) -> dict[str, float]:
    """Every feature that depends on the user's history, by name."""
    before = [other for other in arrived if other.time <= payment.time]
    windows = _over_windows("user", before, payment, USER_WINDOWS)
    features = {name: value for name, value in windows.items() if "declined_share" not in name}
    features |= _beside_history(before, payment) | _beside_places(before, payment) | _filtered(before, payment)
    features["user_account_event_count_24h"] = sum(
        payment.time - DAY_MS < time <= payment.time for time in account_events
    )
    return features


def shared_features(entity: str, arrived: list[Payment], payment: Payment, frauds: list[int]) -> dict[str, float]:
    """Every feature of the block of a merchant or a device, by name.

    Args:
        entity: ``merchant`` or ``device``.
        arrived: payments before this one.
        payment: the one that is asked about.
        frauds: event times of what was labelled fraud so far.
    """
    before = [other for other in arrived if other.time <= payment.time]
    features = _over_windows(entity, before, payment, SHARED_WINDOWS)
    wanted = ("transaction_count", "amount_sum", "user_distinct", "declined_share")
    features = {name: value for name, value in features.items() if any(word in name for word in wanted)}
    end = payment.time - 7 * DAY_MS
    for name, length in RISK_WINDOWS.items():
        settled = sum(end - length < other.time <= end for other in arrived)
        fraud = sum(end - length < time <= end for time in frauds)
        features[f"{entity}_settled_count_{name}"] = settled
        features[f"{entity}_fraud_share_{name}"] = fraud / settled if settled else math.nan
    return features


def _over_windows(entity: str, before: list[Payment], payment: Payment, windows: dict[str, int]) -> dict[str, float]:
    features: dict[str, float] = {}
    party = "merchant" if entity == "user" else "user"
    for name, length in windows.items():
        window = [other for other in before if other.time > payment.time - length] + [payment]
        amounts = [_exact(other.amount) for other in window]
        features |= {
            f"{entity}_transaction_count_{name}": len(window),
            f"{entity}_amount_sum_{name}": float(sum(amounts)),
            f"{entity}_amount_mean_{name}": float(sum(amounts) / len(window)),
            f"{entity}_amount_max_{name}": float(max(amounts)),
            f"{entity}_amount_min_{name}": float(min(amounts)),
            f"{entity}_amount_std_{name}": _deviation(amounts),
            f"{entity}_{party}_distinct_{name}": len({other.party for other in window}),
            f"{entity}_amount_rate_{name}": float(sum(amounts) / Fraction(length, HOUR_MS)),
            f"{entity}_declined_share_{name}": sum(other.declined for other in window) / len(window),
        }
    return features


def _filtered(before: list[Payment], payment: Payment) -> dict[str, float]:
    """Velocities over some of the user's payments, and the first of a window."""
    features: dict[str, float] = {}
    upto = sorted([*before, payment], key=lambda one: one.time)  # of equal times, as they arrived
    for name, length in USER_WINDOWS.items():
        window = [one for one in upto if one.time > payment.time - length]
        declined = [one.amount for one in window if one.declined]
        features |= {
            f"user_amount_first_{name}": float(_exact(window[0].amount)),
            f"user_declined_transaction_count_{name}": len(declined),
            f"user_declined_amount_last_{name}": float(_exact(declined[-1])) if declined else math.nan,
            f"user_web_amount_sum_{name}": float(sum(_exact(one.amount) for one in window if one.channel == "web")),
        }
    names = {feature.name for feature in USER_FEATURES}
    return {name: value for name, value in features.items() if name in names}


def _beside_history(before: list[Payment], payment: Payment) -> dict[str, float]:
    amounts = [_exact(other.amount) for other in before]
    amount = _exact(payment.amount)
    mean = sum(amounts, Fraction(0)) / len(before) if before else Fraction(0)
    high = max(amounts, default=Fraction(0))
    deviation = _deviation(amounts)
    gap = (payment.time - max(other.time for other in before)) / 1_000 if before else math.nan
    hour = _hour(payment.time)
    devices = {other.device for other in before if other.device}
    share = 1 / len(before) if before else math.nan
    return {
        "user_amount_ratio_mean": float(amount / mean) if mean else math.nan,
        "user_amount_ratio_max": float(amount / high) if high else math.nan,
        "user_amount_zscore": float(amount - mean) / deviation if deviation > 0 else math.nan,
        "user_amount_repeated_24h": _flag(
            any(other.amount == payment.amount and other.time > payment.time - DAY_MS for other in before), bool(before)
        ),
        "user_transaction_gap": gap,
        "user_transaction_rapid": _flag(gap < 60, bool(before)),
        "user_transaction_very_rapid": _flag(gap < 10, bool(before)),
        "user_hour_share": sum(_hour(other.time) == hour for other in before) * share,
        "user_merchant_new": _flag(all(other.party != payment.party for other in before), bool(before)),
        "user_merchant_share": sum(other.party == payment.party for other in before) * share,
        "user_device_new": _flag(payment.device not in devices, bool(payment.device and devices)),
    }


def _beside_places(before: list[Payment], payment: Payment) -> dict[str, float]:
    seen = [surroundings.Seen(one.time, _millionths(one.place), one.country, one.channel) for one in before]
    of_payment = surroundings.Seen(payment.time, None, payment.country, payment.channel)
    known = surroundings.before(seen, of_payment)
    from_last = from_usual = speed = math.nan
    if payment.place and known.last and known.usual:
        time, *last = known.last
        from_last = _kilometres(payment.place, _degrees(*last))
        from_usual = _kilometres(payment.place, _degrees(*known.usual))
        speed = from_last / (max(payment.time - time, 1_000) / HOUR_MS)
    return {
        "user_place_distance_last": from_last,
        "user_place_distance_usual": from_usual,
        "user_place_speed": speed,
        "user_country_new": _flag(known.country_count == 0, bool(payment.country and known.located)),
        "user_country_foreign": _flag(payment.country != known.home, bool(payment.country and known.located)),
        "user_channel_share": known.channel_count / known.channelled
        if payment.channel and known.channelled
        else math.nan,
    }


def _millionths(place: tuple[float, float] | None) -> tuple[int, int] | None:
    return place and (round(place[0] * 1_000_000), round(place[1] * 1_000_000))


def _degrees(latitude: float, longitude: float) -> tuple[float, float]:
    return latitude / 1_000_000, longitude / 1_000_000


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the haversine formula on a sphere of the Earth's mean radius, 6,371.0088 km."""
    (north, east), (other_north, other_east) = (tuple(map(math.radians, place)) for place in (one, other))
    hav_north, hav_east = (math.sin(angle / 2) ** 2 for angle in (other_north - north, other_east - east))
    hav = hav_north + math.cos(north) * math.cos(other_north) * hav_east
    return 2 * 6_371.0088 * math.atan2(math.sqrt(hav), math.sqrt(1 - hav))


def _exact(amount: float) -> Fraction:
    return Fraction(round(amount * 10_000), 10_000)


def _deviation(amounts: list[Fraction]) -> float:
    if len(amounts) < 2:
        return math.nan
    mean = sum(amounts) / len(amounts)
    return math.sqrt(sum((amount - mean) ** 2 for amount in amounts) / (len(amounts) - 1))


def _hour(time: int) -> int:
    return time // HOUR_MS % 24


def _flag(holds: bool, known: bool) -> float:
    return float(holds) if known else math.nan
