"""Usual places, countries and channels equal those of the oracle, and take bounded memory."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kernel.keys import short_key_of
from state.kernel.sections import words_of
from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from state.kernel.types import Words
from state.profiles import behavior, frequency_table, geo_and_channel
from state.profiles.behavior_codec import max_behavior_words, read_behavior, write_behavior
from state.profiles.geo_and_channel import ABSENT, MAX_RECENT
from tests.oracles import geo_and_channel as oracle
from tests.oracles.geo_and_channel import NOTHING, GeoPayment, Known

START_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
LATENESS_MS = HOUR_MS
VIENNA = (48_210_000, 16_370_000)

_degrees = [-90.0, -33.9, -0.000001, 0.0, 0.5, 0.999999, 1.0, 48.21, 89.9]
_places = st.tuples(st.sampled_from(_degrees), st.sampled_from([-180.0, -0.4, *_degrees, 179.99, 180.0])).map(
    lambda place: (round(place[0] * 1_000_000), round(place[1] * 1_000_000))
)
_near_home = st.tuples(st.integers(48_000_000, 48_999_999), st.integers(16_000_000, 16_999_999))
_drawn = st.tuples(
    st.one_of(st.just(0), st.integers(1, 10 * MINUTE_MS), st.integers(1, 2 * HOUR_MS), st.integers(1, 3 * DAY_MS)),
    st.one_of(st.just(0), st.integers(0, 30_000), st.integers(0, LATENESS_MS)),
    st.one_of(st.none(), _near_home, _near_home, _places),
    st.sampled_from([None, "AT", "DE", "IR"]),
    st.sampled_from([None, "pos", "web", "atm"]),
)


@st.composite
def streams(draw: st.DrawFn) -> list[GeoPayment]:
    """Draw payments in order of arrival, each at most the lateness behind the newest one so far."""
    arrived: list[GeoPayment] = []
    newest = START_MS
    cells: set[tuple[int, int]] = set()
    for gap, lateness, place, country, channel in draw(st.lists(_drawn, min_size=1, max_size=MAX_RECENT)):
        newest += gap
        bounded = place
        if place is not None:
            cells.add(oracle.cell(place))
            bounded = place if len(cells) <= frequency_table.CAPACITY[frequency_table.CELL] else VIENNA
        arrived.append(GeoPayment(newest - lateness, bounded, country, channel))
    return arrived


class GeoAndChannel:
    """The part of a user's profile with places, countries and channels."""

    def __init__(self) -> None:
        self.behavior = np.zeros(behavior.BEHAVIOR_WORDS, np.int64)
        self.frequencies = np.empty((frequency_table.COLUMNS, 128), np.int64)
        self.recent = np.empty((geo_and_channel.COLUMNS, 2 * MAX_RECENT), np.int64)

    def restored(self) -> GeoAndChannel:
        """A copy restored from the packed form."""
        copy = GeoAndChannel()
        words = words_of(self.pack())
        assert read_behavior(copy.behavior, copy.frequencies, copy.recent, words) == len(words)
        return copy

    def pack(self) -> bytes:
        words = np.empty(max_behavior_words(self.frequencies.shape[1], self.recent.shape[1]), np.int64)
        return words[: write_behavior(self.behavior, self.frequencies, self.recent, words)].tobytes()

    def key_count(self, kind: int) -> int:
        """Number of keys of a kind."""
        kinds = self.frequencies[frequency_table.KIND, : self.behavior[behavior.FREQUENCY_COUNT]]
        return int((kinds == kind).sum())

    def lookup(self, payment: GeoPayment) -> list[float]:
        row = np.empty(geo_and_channel.OUT_WIDTH)
        frequencies, count, recent, recent_count = self._tables()
        geo_and_channel.lookup(frequencies, count, recent, recent_count, payment.time, *_keys(payment), row)
        return list(row)

    def update(self, payment: GeoPayment) -> None:
        latitude, longitude = payment.place or (ABSENT, ABSENT)
        country, channel = _keys(payment)
        frequencies, count, recent, recent_count = self._tables()
        self.behavior[behavior.FREQUENCY_COUNT], self.behavior[behavior.RECENT_COUNT] = geo_and_channel.update(
            frequencies, count, recent, recent_count, payment.time, latitude, longitude, country, channel, LATENESS_MS
        )

    def _tables(self) -> tuple[Words, int, Words, int]:
        count, recent_count = self.behavior[behavior.FREQUENCY_COUNT], self.behavior[behavior.RECENT_COUNT]
        return self.frequencies, int(count), self.recent, int(recent_count)


def _keys(payment: GeoPayment) -> tuple[int, int]:
    country, channel = (ABSENT if one is None else short_key_of(one) for one in (payment.country, payment.channel))
    return country, channel


def lookup_and_update(known: GeoAndChannel, payment: GeoPayment) -> list[float]:
    row = known.lookup(payment)
    known.update(payment)
    return row


def row_of(known: Known, payment: GeoPayment) -> list[float]:
    """The oracle's result as a row of ``lookup``."""
    unknown = math.nan
    of_country = of_channel = (unknown, unknown)
    foreign = unknown
    if payment.country:
        of_country = (known.country_count, known.located)
        foreign = float(payment.country != known.home) if known.located else unknown
    if payment.channel:
        of_channel = (known.channel_count, known.channelled)
    last, usual = known.last or (unknown,) * 3, known.usual or (unknown,) * 2
    return [*last, *usual, foreign, *of_country, *of_channel]


@settings(max_examples=300, deadline=None)
@given(streams(), st.data())
def test_each_payment_has_the_values_of_the_oracle(stream: list[GeoPayment], data: st.DataObject) -> None:
    known = GeoAndChannel()
    restores = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="restored from the packed bytes before")
    for number, payment in enumerate(stream):
        if number in restores:
            known = known.restored()
        expected = row_of(oracle.known_before(stream[:number], payment), payment)
        assert lookup_and_update(known, payment) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


@given(streams(), st.randoms(use_true_random=False))
def test_an_hour_in_any_order_leaves_the_same_state(stream: list[GeoPayment], chance: random.Random) -> None:
    newest = max(one.time for one in stream)
    # Distinct times: payments at the same time are in order of arrival.
    hour = list({one.time: one for one in stream if one.time > newest - LATENESS_MS}.values())
    shuffled = sorted(hour, key=lambda _: chance.random())
    in_time, in_disorder = GeoAndChannel(), GeoAndChannel()
    for payment in sorted(hour):
        lookup_and_update(in_time, payment)
    for payment in shuffled:
        lookup_and_update(in_disorder, payment)
    probe = GeoPayment(newest + 1, None, "AT", "web")
    assert lookup_and_update(in_disorder, probe) == pytest.approx(
        lookup_and_update(in_time, probe), rel=0, abs=0, nan_ok=True
    )


def test_nothing_is_known_of_a_user_without_payments() -> None:
    payment = GeoPayment(START_MS, VIENNA, "AT", "web")
    nothing = row_of(NOTHING, payment)
    assert lookup_and_update(GeoAndChannel(), payment) == pytest.approx(nothing, nan_ok=True)
    assert lookup_and_update(GeoAndChannel().restored(), payment) == pytest.approx(nothing, nan_ok=True)


def test_the_last_place_of_a_user_is_known_however_long_ago() -> None:
    known = GeoAndChannel()
    lookup_and_update(known, GeoPayment(START_MS, VIENNA, "AT", "pos"))
    for day in range(1, 100):
        lookup_and_update(known, GeoPayment(START_MS + day * DAY_MS, None, None, "web"))
    row = lookup_and_update(known.restored(), GeoPayment(START_MS + 100 * DAY_MS, None, None, None))
    assert tuple(row[:3]) == (START_MS, *VIENNA)


def flood(chance: random.Random, payments: int) -> list[GeoPayment]:
    """A payment per second from anywhere in the world, in random countries and through random channels."""
    return [
        GeoPayment(
            START_MS + number * 1_000 - (chance.randrange(LATENESS_MS) if chance.random() < 0.3 else 0),
            (chance.randrange(-90_000_000, 90_000_001), chance.randrange(-180_000_000, 180_000_001)),
            f"country-{chance.randrange(500)}",
            f"channel-{chance.randrange(500)}",
        )
        for number in range(payments)
    ]


def is_plausible(row: list[float], payment: GeoPayment) -> bool:
    last, _, _, north, east, _, in_country, with_country, in_channel, with_channel = row
    return (
        0 <= in_country <= with_country
        and 0 <= in_channel <= with_channel
        and not last > payment.time
        and not abs(north) > 90e6
        and not abs(east) > 180e6
    )


def test_a_flood_takes_bounded_memory_and_gives_plausible_values() -> None:
    known = GeoAndChannel()
    for number, payment in enumerate(flood(random.Random(1), 5_000)):
        if number % 500 == 0:
            known = known.restored()
        assert is_plausible(lookup_and_update(known, payment), payment)
        for kind in (frequency_table.CELL, frequency_table.COUNTRY, frequency_table.CHANNEL):
            assert known.key_count(kind) <= frequency_table.CAPACITY[kind]
        assert known.behavior[behavior.RECENT_COUNT] <= MAX_RECENT + 1
    assert len(known.pack()) <= 8 * 1024


def test_usual_keys_survive_a_flood() -> None:
    known = GeoAndChannel()
    for day in range(20):
        lookup_and_update(known, GeoPayment(START_MS - (20 - day) * DAY_MS, VIENNA, "AT", "web"))
    for payment in flood(random.Random(2), 5_000):
        lookup_and_update(known, payment)
    probe = lookup_and_update(known, GeoPayment(START_MS + DAY_MS, None, "AT", "web"))
    assert tuple(probe[geo_and_channel.USUAL_LATITUDE : geo_and_channel.FOREIGN + 1]) == (*VIENNA, 0.0)
    assert (probe[geo_and_channel.COUNTRY_COUNT], probe[geo_and_channel.CHANNEL_COUNT]) == (20, 20)


def test_a_flood_gives_the_same_values_after_restores() -> None:
    in_memory, restored = GeoAndChannel(), GeoAndChannel()
    for number, payment in enumerate(flood(random.Random(3), 3_000)):
        if number % 7 == 0:
            restored = restored.restored()
        assert lookup_and_update(in_memory, payment) == pytest.approx(
            lookup_and_update(restored, payment), rel=0, abs=0, nan_ok=True
        )
    assert in_memory.pack() == restored.pack()


def test_counts_for_a_late_payment_are_never_negative_when_its_country_was_replaced() -> None:
    """Of 40 countries within the hour some are replaced, and all 40 are subtracted for an earlier payment."""
    known = GeoAndChannel()
    for number in range(40):
        place = (number * 1_000_000, 0)
        lookup_and_update(known, GeoPayment(START_MS + number, place, f"country-{number:02}", f"channel-{number:02}"))
    for number in range(40):
        late = GeoPayment(START_MS - 1, None, f"country-{number:02}", f"channel-{number:02}")
        nothing = row_of(NOTHING, late)
        assert known.lookup(late) == pytest.approx(nothing, nan_ok=True)
