"""What the one-minute metrics say adds up to what was decided, each minute once and when it is over."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.event_time_clock import NO_WATERMARK
from state.kernel.sections import ProfileVersionError
from state.kernel.times import MINUTE_MS
from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, at, decisions, paid, pipeline, restarted, summed
from tests.pipeline.traffic import USERS, cut, cuts, traffic
from udfs.decision import Decision
from udfs.pipeline import Pipeline
from udfs.stages.merchant import MerchantOutput
from udfs.stages.minute_totals import MINUTE_COLUMNS, MinuteAggregator, MinuteTotals
from udfs.stages.open_windows import OpenWindows, metrics_record

END = 35 * 60.0
IDLE_MS = 30_000


def run(one: Pipeline, batches: list[list[bytes]]) -> list[MerchantOutput]:
    """What each batch came to, and what comes of payments much later, when all earlier minutes are over."""
    return [one.process(batch, NOW_MS)[1] for batch in [*batches, at_the_end(0), at_the_end(1)]]


def at_the_end(minute: int) -> list[bytes]:
    """A payment with a device and one without in every partition: nothing that is on its way is waited for."""
    return [
        paid(f"{user}-{minute}-{device}", 1.0, END + minute, user=user, merchant="end", partition=place, device=device)
        for user, place in USERS.items()
        for device in ({"id": "phone"}, None)
    ]


def of_shops(counted: list[MinuteTotals]) -> list[MinuteTotals]:
    return [each for each in counted if each.merchant_id != "end"]


@settings(deadline=None)
@given(traffic(), st.data())
def test_minutes_add_up_to_the_decisions(records: list[bytes], data: st.DataObject) -> None:
    ends = data.draw(cuts(len(records)), label="batches end after")
    outputs = run(pipeline(model=SuspectsLargeAmounts()), cut(records, ends))
    reported: list[Decision] = [decision for output in outputs[:-2] for decision in decisions(output)]
    actions = Counter(decision.action for decision in reported)
    over = of_shops([counted for output in outputs for counted in output.closed])
    assert {name: summed(over, name) for name in MINUTE_COLUMNS} == {
        "transactions": len(reported),
        "amount": pytest.approx(sum(payment.amount for output in outputs[:-2] for payment in output.payments)),
        "alerts": sum(len(output.decisions.alerts) for output in outputs[:-2]),
        "blocked": actions["block"],
        "challenged": actions["challenge"],
        "monitored": actions["monitor"],
        "late": sum(decision.late for decision in reported),
        "too_late": sum(decision.degraded for decision in reported),
    }
    per_merchant = Counter[str]()
    for counted in over:
        per_merchant[counted.merchant_id] += int(counted.totals[0])
    assert per_merchant == Counter(decision.merchant_id for decision in reported)
    for output in outputs:
        assert sum(each[0] for _, each in output.minutes.totals()) == summed(output.minutes, "transactions")


@settings(deadline=None)
@given(traffic(), st.data())
def test_a_minute_of_a_merchant_is_reported_once_and_not_before_it_is_over(
    records: list[bytes], data: st.DataObject
) -> None:
    reported: set[tuple[int, str]] = set()
    watermark = NO_WATERMARK
    for output in run(pipeline(), cut(records, data.draw(cuts(len(records)), label="batches end after"))):
        assert all(counted.minute % MINUTE_MS == 0 for counted in [*output.minutes, *output.closed])
        assert all(counted.minute + MINUTE_MS > watermark for counted in output.minutes), (
            "counted in a minute that was over"
        )
        assert all(counted.minute + MINUTE_MS <= output.watermark for counted in output.closed), "reported too early"
        for minute, merchant_id, _ in output.closed:
            assert (minute, merchant_id) not in reported
            reported.add((minute, merchant_id))
        assert output.watermark >= watermark
        watermark = output.watermark


@settings(deadline=None)
@given(traffic(), st.data())
def test_minutes_that_are_open_at_a_restart_are_reported_as_if_there_had_been_none(
    records: list[bytes], data: st.DataObject
) -> None:
    batches = cut(records, data.draw(cuts(len(records)), label="batches end after"))
    before = data.draw(st.integers(0, len(batches)), label="batches before the restart")
    steady = run(pipeline(), batches)
    one = pipeline()
    for batch in batches[:before]:
        one.process(batch, NOW_MS)
    shaken = run(restarted(one), batches[before:])
    assert [output.closed for output in shaken] == [output.closed for output in steady[before:]]


def test_open_windows_come_back_from_state_and_an_unknown_format_is_refused() -> None:
    windows = OpenWindows()
    windows.add([MinuteTotals(at(1), "shop", [1.0, 2.0, 0, 0, 0, 0, 0, 0])])
    windows.add([MinuteTotals(at(1), "game", [1.0, 3.0, 0, 0, 0, 0, 0, 0])])
    restored = OpenWindows()
    for merchant in ("shop", "game"):
        restored.restore(windows.pack(merchant.__eq__))
    assert restored.close(at(1_000)) == windows.close(at(1_000)) != []
    _, *rest = msgspec.msgpack.decode(windows.pack(lambda _: True))
    with pytest.raises(ProfileVersionError, match="format 2"):
        OpenWindows().restore(msgspec.msgpack.encode((2, *rest)))


def test_a_batch_that_spans_many_minutes_is_counted_in_each_of_them() -> None:
    one = pipeline()
    one.process([paid("before", 10.0, 0)], NOW_MS)
    _, output = one.process([paid(f"p{minute}", 10.0, minute) for minute in range(10)], NOW_MS)
    assert [counted.minute for counted in output.minutes] == [at(minute) for minute in range(10)]
    totals = output.minutes.totals()
    assert [minute for minute, _ in totals] == [at(minute) for minute in range(10)]
    assert output.watermark == at(9) - 5_000


def test_a_shard_that_was_closed_when_silent_does_not_drive_event_time_ahead_of_the_others() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0)], NOW_MS)
    one.merchants.close_idle(NOW_MS + IDLE_MS)
    _, output = one.process([paid("b", 1.0, 0.5), paid("c", 1.0, 2)], NOW_MS + 2 * IDLE_MS)
    totals = output.minutes.totals()
    assert [minute for minute, _ in totals] == [at(1), at(2)], "the first minute was reported"
    assert output.watermark == at(2) - 5_000


def test_minutes_that_a_shard_left_open_are_reported_once_when_it_has_been_silent_for_long() -> None:
    one = pipeline()
    assert one.merchants.idle_deadline() is None, "nothing is open"
    one.process([paid("a", 10.0, 0), paid("b", 5.0, 3)], NOW_MS)
    assert one.merchants.idle_deadline() == NOW_MS + IDLE_MS
    assert one.merchants.close_idle(NOW_MS + IDLE_MS - 1) == []
    over = one.merchants.close_idle(NOW_MS + IDLE_MS)
    assert [(minute, totals[0]) for minute, _, totals in over] == [(at(3), 1.0)]
    assert one.merchants.idle_deadline() is None
    _, output = one.process([paid("c", 1.0, 3.5), paid("d", 1.0, 60)], NOW_MS + 2 * IDLE_MS)
    assert [counted.minute for counted in output.minutes] == [at(4), at(60)], (
        "its minute was reported: it counts in the next"
    )


def test_a_restart_opens_no_minute_again_that_was_reported_when_its_shard_was_silent() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0)], NOW_MS)
    one.checkpoint(NOW_MS)
    one.merchants.close_idle(NOW_MS + IDLE_MS)
    one.checkpoint(NOW_MS + IDLE_MS)
    again = restarted(one)
    assert again.merchants.close_idle(NOW_MS + 2 * IDLE_MS) == []
    _, output = again.process([paid("b", 10.0, 0.5)], NOW_MS + 2 * IDLE_MS)
    assert [counted.minute for counted in output.minutes] == [at(1)]


def test_a_shard_that_left_minutes_open_at_a_restart_is_waited_for_as_long_as_any() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0)], NOW_MS)
    again = restarted(one)
    later = NOW_MS + 10 * IDLE_MS
    assert again.merchants.close_idle(later) == []
    assert again.merchants.idle_deadline() == later + IDLE_MS
    assert len(again.merchants.close_idle(later + IDLE_MS)) == 1


def test_a_minute_of_a_silent_shard_is_not_reported_before_it_is_over() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0)], at(0))
    assert one.merchants.close_idle(at(0.5)) == [], "it is not over"
    assert one.merchants.idle_deadline() == at(0.5) + IDLE_MS, "nobody is to look again at once"
    assert len(one.merchants.close_idle(at(1))) == 1


def test_payments_of_a_minute_and_merchant_make_one_record_when_the_minute_is_over() -> None:
    sent = [paid("a", 10.0, 0), paid("b", 5.0, 0.05), paid("c", 7.0, 0.05, merchant="game"), paid("d", 1.0, 2)]
    _, output = pipeline().process(sent, NOW_MS)
    assert [json.loads(metrics_record(counted)) for counted in output.closed] == [
        {
            "window_start": "2026-01-01T12:00:00Z",
            "window_end": "2026-01-01T12:01:00Z",
            "merchant_id": merchant,
            "transactions": transactions,
            "amount": amount,
            "alerts": 0,
            "blocked": 0,
            "challenged": 0,
            "monitored": 0,
            "late": 0,
            "too_late": 0,
            "alert_rate": 0.0,
        }
        for merchant, transactions, amount in (("shop", 2, 15.0), ("game", 1, 7.0))
    ]
    assert output.minutes.totals()[0] == (at(0), [3.0, 22.0, 0, 0, 0, 0, 0, 0])


def test_what_is_behind_the_watermark_counts_in_its_minute() -> None:
    aggregator = MinuteAggregator(watermark=at(10) + 1)
    aggregator.add("shop", at(3), 10.0, "approve", alert=False, late=True, too_late=True)
    aggregator.add("shop", at(12), 10.0, "block", alert=True, late=False, too_late=False)
    first, second = aggregator
    assert (first.minute, second.minute) == (at(10), at(12))
    assert (summed([first], "late"), summed([first], "too_late"), summed([first], "blocked")) == (1, 1, 0)
    assert (summed([second], "late"), summed([second], "too_late"), summed([second], "blocked")) == (0, 0, 1)
