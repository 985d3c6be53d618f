"""Where and how somebody usually pays is what a look at every payment would tell, and takes bounded room."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from state.surroundings import (
    CELLS_KNOWN,
    CHANNELS_KNOWN,
    COUNTRIES_KNOWN,
    RECENT_KEPT,
    Before,
    Place,
    Surroundings,
)
from tests.oracles import surroundings as oracle
from tests.oracles.surroundings import Seen
from udfs.features.feature import DAY_MS, HOUR_MS, MINUTE_MS

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
        known = place
        if place is not None:
            cells.add(oracle.cell(place))
            known = place if len(cells) <= CELLS_KNOWN else VIENNA
        arrived.append(Seen(newest - lateness, known, country, channel))
    return arrived


def told(known: Surroundings, payment: Seen) -> Before:
    """What was before it; then it is learned."""
    before = known.before(payment.time, payment.country, payment.channel)
    latitude, longitude = payment.place or (None, None)
    known.learn(payment.time, Place(latitude, longitude, payment.country), payment.channel)
    return before


def restored(known: Surroundings) -> Surroundings:
    return Surroundings.unpack(LATENESS_MS, known.pack())


@settings(max_examples=300)
@given(streams(), st.data())
def test_each_payment_is_told_what_a_look_at_all_before_it_tells(stream: list[Seen], data: st.DataObject) -> None:
    known = Surroundings(LATENESS_MS)
    restores = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="restored from the packed bytes before")
    for number, payment in enumerate(stream):
        if number in restores:
            known = restored(known)
        assert told(known, payment) == oracle.before(stream[:number], payment)


@given(streams(), st.randoms(use_true_random=False))
def test_an_hour_in_any_order_leaves_the_same_behind(stream: list[Seen], chance: random.Random) -> None:
    newest = max(one.time for one in stream)
    # Of two at one moment the one that came first is the earlier one: their order is no chance.
    hour = list({one.time: one for one in stream if one.time > newest - LATENESS_MS}.values())
    shuffled = sorted(hour, key=lambda _: chance.random())
    in_time, in_disorder = Surroundings(LATENESS_MS), Surroundings(LATENESS_MS)
    for payment in sorted(hour):
        told(in_time, payment)
    for payment in shuffled:
        told(in_disorder, payment)
    probe = Seen(newest + 1, None, "AT", "web")
    assert told(in_disorder, probe) == told(in_time, probe)


def test_nothing_is_known_of_somebody_who_has_never_paid() -> None:
    nothing = Before(None, None, None, 0, 0, 0, 0)
    payment = Seen(START_MS, VIENNA, "AT", "web")
    assert told(Surroundings(LATENESS_MS), payment) == told(Surroundings.unpack(LATENESS_MS, b""), payment) == nothing


def test_who_was_last_seen_long_ago_is_still_known_there() -> None:
    known = Surroundings(LATENESS_MS)
    told(known, Seen(START_MS, VIENNA, "AT", "pos"))
    for day in range(1, 100):
        told(known, Seen(START_MS + day * DAY_MS, None, None, "web"))
    assert told(restored(known), Seen(START_MS + 100 * DAY_MS, None, None, None)).last == (START_MS, *VIENNA)


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


def makes_sense(before: Before, payment: Seen) -> bool:
    return (
        0 <= before.country_count <= before.located
        and 0 <= before.channel_count <= before.channelled
        and (before.last is None or before.last[0] <= payment.time)
        and (before.usual is None or (abs(before.usual[0]) <= 90e6 and abs(before.usual[1]) <= 180e6))
        and bool(before.home) == bool(before.located)
    )


def test_a_flood_takes_bounded_room_and_what_is_told_in_it_makes_sense() -> None:
    known = Surroundings(LATENESS_MS)
    for number, payment in enumerate(flood(random.Random(1), 5_000)):
        if number % 500 == 0:
            known = restored(known)
        assert makes_sense(told(known, payment), payment)
        assert len(known.cells) <= CELLS_KNOWN
        assert len(known.countries) <= COUNTRIES_KNOWN
        assert len(known.channels) <= CHANNELS_KNOWN
        assert len(known.recent) <= RECENT_KEPT + 1
    assert len(known.pack()) <= 8 * 1024


def test_what_is_usual_outlives_a_flood() -> None:
    known = Surroundings(LATENESS_MS)
    for day in range(20):
        told(known, Seen(START_MS - (20 - day) * DAY_MS, VIENNA, "AT", "web"))
    for payment in flood(random.Random(2), 5_000):
        told(known, payment)
    probe = told(known, Seen(START_MS + DAY_MS, None, "AT", "web"))
    assert (probe.usual, probe.home) == (VIENNA, "AT")
    assert (probe.country_count, probe.channel_count) == (20, 20)


def test_a_flood_restored_in_the_middle_goes_on_alike() -> None:
    kept, moved = Surroundings(LATENESS_MS), Surroundings(LATENESS_MS)
    for number, payment in enumerate(flood(random.Random(3), 3_000)):
        if number % 7 == 0:
            moved = restored(moved)
        assert told(kept, payment) == told(moved, payment)
    assert kept.pack() == moved.pack()


def test_a_late_payment_is_not_told_of_less_than_nothing_when_its_country_was_forgotten() -> None:
    """Of 40 countries within the hour some are forgotten, and all are taken off for one that comes before them."""
    known = Surroundings(LATENESS_MS)
    for number in range(40):
        told(known, Seen(START_MS + number, (number * 1_000_000, 0), f"country-{number:02}", f"channel-{number:02}"))
    for number in range(40):
        late = Seen(START_MS - 1, None, f"country-{number:02}", f"channel-{number:02}")
        before = known.before(late.time, late.country, late.channel)
        assert before == Before(None, None, None, 0, 0, 0, 0)
