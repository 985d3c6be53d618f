"""Where and how somebody usually pays is what a look at every payment would tell, and takes bounded room."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kernel.keys import short_key_of
from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from state.profiles import behavior, frequency_table, geo_and_channel
from state.profiles.geo_and_channel import ABSENT, RECENT_KEPT
from state.windowing.raw_events import Words
from tests.oracles import surroundings as oracle
from tests.oracles.surroundings import Before, Seen

START_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
LATENESS_MS = HOUR_MS
VIENNA = (48_210_000, 16_370_000)

_degrees = [-90.0, -33.9, -0.000001, 0.0, 0.5, 0.999999, 1.0, 48.21, 89.9]
_places = st.tuples(st.sampled_from(_degrees), st.sampled_from([-180.0, -0.4, *_degrees, 179.99, 180.0])).map(
    lambda place: (round(place[0] * 1_000_000), round(place[1] * 1_000_000))
)
_near_home = st.tuples(st.integers(48_000_000, 48_999_999), st.integers(16_000_000, 16_999_999))
_seen = st.tuples(
    st.one_of(st.just(0), st.integers(1, 10 * MINUTE_MS), st.integers(1, 2 * HOUR_MS), st.integers(1, 3 * DAY_MS)),
    st.one_of(st.just(0), st.integers(0, 30_000), st.integers(0, LATENESS_MS)),
    st.one_of(st.none(), _near_home, _near_home, _places),
    st.sampled_from([None, "AT", "DE", "IR"]),
    st.sampled_from([None, "pos", "web", "atm"]),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Seen]:
    """Payments in order of arrival, none later than the lateness behind the newest before it."""
    arrived: list[Seen] = []
    newest = START_MS
    cells: set[tuple[int, int]] = set()
    for gap, lateness, place, country, channel in draw(st.lists(_seen, min_size=1, max_size=RECENT_KEPT)):
        newest += gap
        where = place
        if place is not None:
            cells.add(oracle.cell(place))
            where = place if len(cells) <= frequency_table.CAPACITY[frequency_table.CELL] else VIENNA
        arrived.append(Seen(newest - lateness, where, country, channel))
    return arrived


class Surroundings:
    """What a user's profile holds of places, countries and channels, by itself."""

    def __init__(self) -> None:
        self.habits = np.zeros(behavior.HABITS, np.int64)
        self.table = np.empty((frequency_table.COLUMNS, 128), np.int64)
        self.recent = np.empty((geo_and_channel.COLUMNS, 2 * RECENT_KEPT), np.int64)

    def restored(self) -> Surroundings:
        """The same, packed and unpacked."""
        made = Surroundings()
        made.habits, table, recent = behavior.unpack(self.pack())
        made.table[:, : table.shape[1]], made.recent[:, : recent.shape[1]] = table, recent
        return made

    def pack(self) -> bytes:
        return behavior.pack(self.habits, self.table, self.recent)

    def known(self, kind: int) -> int:
        """How many of a kind are known."""
        return int((self.table[frequency_table.KIND, : self.habits[behavior.KNOWN]] == kind).sum())

    def before(self, payment: Seen) -> list[float]:
        row = np.empty(geo_and_channel.OUT_WIDTH)
        table, count, recent, recents = self._tables()
        geo_and_channel.lookup(table, count, recent, recents, payment.time, *_codes(payment), row)
        return list(row)

    def learn(self, payment: Seen) -> None:
        latitude, longitude = payment.place or (ABSENT, ABSENT)
        country, channel = _codes(payment)
        table, count, recent, recents = self._tables()
        self.habits[behavior.KNOWN], self.habits[behavior.RECENT] = geo_and_channel.update(
            table, count, recent, recents, payment.time, latitude, longitude, country, channel, LATENESS_MS
        )

    def _tables(self) -> tuple[Words, int, Words, int]:
        return self.table, int(self.habits[behavior.KNOWN]), self.recent, int(self.habits[behavior.RECENT])


def _codes(payment: Seen) -> tuple[int, int]:
    country, channel = (ABSENT if one is None else short_key_of(one) for one in (payment.country, payment.channel))
    return country, channel


def told(surrounded: Surroundings, payment: Seen) -> list[float]:
    """What was before it; then it is learned."""
    before = surrounded.before(payment)
    surrounded.learn(payment)
    return before


def as_told(before: Before, payment: Seen) -> list[float]:
    """What the oracle says, as numbers."""
    nothing = math.nan
    of_country = of_channel = (nothing, nothing)
    foreign = nothing
    if payment.country:
        of_country = (before.country_count, before.located)
        foreign = float(payment.country != before.home) if before.located else nothing
    if payment.channel:
        of_channel = (before.channel_count, before.channelled)
    last, usual = before.last or (nothing,) * 3, before.usual or (nothing,) * 2
    return [*last, *usual, foreign, *of_country, *of_channel]


@settings(max_examples=300, deadline=None)
@given(streams(), st.data())
def test_each_payment_is_told_what_a_look_at_all_before_it_tells(stream: list[Seen], data: st.DataObject) -> None:
    surrounded = Surroundings()
    restores = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="restored from the packed bytes before")
    for number, payment in enumerate(stream):
        if number in restores:
            surrounded = surrounded.restored()
        expected = as_told(oracle.before(stream[:number], payment), payment)
        assert told(surrounded, payment) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


@given(streams(), st.randoms(use_true_random=False))
def test_an_hour_in_any_order_leaves_the_same_behind(stream: list[Seen], chance: random.Random) -> None:
    newest = max(one.time for one in stream)
    # Of two at one moment the one that came first is the earlier one: their order is no chance.
    hour = list({one.time: one for one in stream if one.time > newest - LATENESS_MS}.values())
    shuffled = sorted(hour, key=lambda _: chance.random())
    in_time, in_disorder = Surroundings(), Surroundings()
    for payment in sorted(hour):
        told(in_time, payment)
    for payment in shuffled:
        told(in_disorder, payment)
    probe = Seen(newest + 1, None, "AT", "web")
    assert told(in_disorder, probe) == pytest.approx(told(in_time, probe), rel=0, abs=0, nan_ok=True)


def test_nothing_is_known_of_somebody_who_has_never_paid() -> None:
    payment = Seen(START_MS, VIENNA, "AT", "web")
    nothing = as_told(Before(None, None, None, 0, 0, 0, 0), payment)
    assert told(Surroundings(), payment) == pytest.approx(nothing, nan_ok=True)
    assert told(Surroundings().restored(), payment) == pytest.approx(nothing, nan_ok=True)


def test_who_was_last_seen_long_ago_is_still_known_there() -> None:
    surrounded = Surroundings()
    told(surrounded, Seen(START_MS, VIENNA, "AT", "pos"))
    for day in range(1, 100):
        told(surrounded, Seen(START_MS + day * DAY_MS, None, None, "web"))
    before = told(surrounded.restored(), Seen(START_MS + 100 * DAY_MS, None, None, None))
    assert tuple(before[:3]) == (START_MS, *VIENNA)


# A flood


def flood(chance: random.Random, payments: int) -> list[Seen]:
    """A payment a second from anywhere in the world, through channels and in countries that nobody has heard of."""
    return [
        Seen(
            START_MS + number * 1_000 - (chance.randrange(LATENESS_MS) if chance.random() < 0.3 else 0),
            (chance.randrange(-90_000_000, 90_000_001), chance.randrange(-180_000_000, 180_000_001)),
            f"country-{chance.randrange(500)}",
            f"channel-{chance.randrange(500)}",
        )
        for number in range(payments)
    ]


def makes_sense(before: list[float], payment: Seen) -> bool:
    last, _, _, north, east, _, in_country, located, through, channelled = before
    return (
        0 <= in_country <= located
        and 0 <= through <= channelled
        and not last > payment.time
        and not abs(north) > 90e6
        and not abs(east) > 180e6
    )


def test_a_flood_takes_bounded_room_and_what_is_told_in_it_makes_sense() -> None:
    surrounded = Surroundings()
    for number, payment in enumerate(flood(random.Random(1), 5_000)):
        if number % 500 == 0:
            surrounded = surrounded.restored()
        assert makes_sense(told(surrounded, payment), payment)
        for kind in (frequency_table.CELL, frequency_table.COUNTRY, frequency_table.CHANNEL):
            assert surrounded.known(kind) <= frequency_table.CAPACITY[kind]
        assert surrounded.habits[behavior.RECENT] <= RECENT_KEPT + 1
    assert len(surrounded.pack()) <= 8 * 1024


def test_what_is_usual_outlives_a_flood() -> None:
    surrounded = Surroundings()
    for day in range(20):
        told(surrounded, Seen(START_MS - (20 - day) * DAY_MS, VIENNA, "AT", "web"))
    for payment in flood(random.Random(2), 5_000):
        told(surrounded, payment)
    probe = told(surrounded, Seen(START_MS + DAY_MS, None, "AT", "web"))
    assert tuple(probe[geo_and_channel.USUAL_LATITUDE : geo_and_channel.FOREIGN + 1]) == (*VIENNA, 0.0)
    assert (probe[geo_and_channel.COUNTRY_COUNT], probe[geo_and_channel.CHANNEL_COUNT]) == (20, 20)


def test_a_flood_restored_in_the_middle_goes_on_alike() -> None:
    kept, moved = Surroundings(), Surroundings()
    for number, payment in enumerate(flood(random.Random(3), 3_000)):
        if number % 7 == 0:
            moved = moved.restored()
        assert told(kept, payment) == pytest.approx(told(moved, payment), rel=0, abs=0, nan_ok=True)
    assert kept.pack() == moved.pack()


def test_a_late_payment_is_not_told_of_less_than_nothing_when_its_country_was_forgotten() -> None:
    """Of 40 countries within the hour some are forgotten, and all are taken off for one that comes before them."""
    surrounded = Surroundings()
    for number in range(40):
        place = (number * 1_000_000, 0)
        told(surrounded, Seen(START_MS + number, place, f"country-{number:02}", f"channel-{number:02}"))
    for number in range(40):
        late = Seen(START_MS - 1, None, f"country-{number:02}", f"channel-{number:02}")
        nothing = as_told(Before(None, None, None, 0, 0, 0, 0), late)
        assert surrounded.before(late) == pytest.approx(nothing, nan_ok=True)
