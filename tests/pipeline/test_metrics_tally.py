"""What is counted for the metrics adds up to what was decided."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.clock import BEGINNING
from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, at, decisions, paid, pipeline
from tests.pipeline.traffic import cut, cuts, traffic
from udfs.stages.tally import MINUTE_MS, TALLY_COLUMNS, Tally


@settings(deadline=None)
@given(traffic(), st.data())
def test_the_tally_of_every_batch_adds_up_to_its_decisions(records: list[bytes], data: st.DataObject) -> None:
    one = pipeline(model=SuspectsLargeAmounts())
    for batch in cut(records, data.draw(cuts(len(records)), label="batches end after")):
        _, output = one.process(batch, NOW_MS)
        told, tally = decisions(output), output.tally
        actions = Counter(decision.action for decision in told)
        assert {name: sum(tally.column(name)) for name in TALLY_COLUMNS} == {
            "transactions": len(told),
            "amount": pytest.approx(sum(payment.amount for payment in output.payments)),
            "alerts": len(output.verdicts.alerts),
            "blocked": actions["block"],
            "challenged": actions["challenge"],
            "monitored": actions["monitor"],
            "late": sum(decision.late for decision in told),
            "too_late": sum(decision.degraded for decision in told),
        }
        counted = Counter(decision.merchant_id for decision in told)
        rows = zip(tally.merchants(), tally.column("transactions"), strict=True)
        assert counted == sum((Counter({merchant: int(count)}) for merchant, count in rows), Counter())


@settings(deadline=None)
@given(traffic(), st.data())
def test_nothing_is_counted_in_a_minute_that_is_over(records: list[bytes], data: st.DataObject) -> None:
    one = pipeline()
    watermark = BEGINNING
    for batch in cut(records, data.draw(cuts(len(records)), label="batches end after")):
        _, output = one.process(batch, NOW_MS)
        assert output.watermark >= watermark
        assert all(minute % MINUTE_MS == 0 for minute in output.tally.minutes())
        assert all(minute + MINUTE_MS > watermark for minute in output.tally.minutes())
        clocks = output.tally.clocks(output.watermark)
        assert clocks == sorted(clocks)
        assert len(clocks) == len(output.tally.minutes())
        assert clocks[-1:] in ([], [output.watermark])
        assert all(clock in (0, watermark) for clock in clocks[:-1])
        watermark = output.watermark


def test_a_batch_that_spans_many_minutes_is_counted_in_each_of_them() -> None:
    one = pipeline()
    one.process([paid("before", 10.0, 0)], NOW_MS)
    _, output = one.process([paid(f"p{minute}", 10.0, minute) for minute in range(10)], NOW_MS)
    assert output.tally.minutes() == [at(minute) for minute in range(10)]
    *others, last = output.tally.clocks(output.watermark)
    assert set(others) == {at(0) - 5_000}, "no window is closed before the last of the batch is counted"
    assert last == output.watermark == at(9) - 5_000


def test_a_batch_of_one_row_moves_event_time_and_one_of_none_has_no_row_to_do_it() -> None:
    one = pipeline()
    _, output = one.process([paid("a", 10.0, 0)], NOW_MS)
    assert output.tally.clocks(output.watermark) == [at(0) - 5_000]
    _, output = one.process([], NOW_MS)
    assert output.tally.clocks(output.watermark) == []


def test_payments_of_a_minute_and_merchant_make_one_row() -> None:
    sent = [paid("a", 10.0, 0), paid("b", 5.0, 0.05), paid("c", 7.0, 0.05, merchant="game")]
    _, output = pipeline().process(sent, NOW_MS)
    tally = output.tally
    assert list(zip(tally.minutes(), tally.merchants(), tally.column("amount"), strict=True)) == [
        (at(0), "shop", 15.0),
        (at(0), "game", 7.0),
    ]


def test_what_is_behind_the_watermark_counts_in_its_minute() -> None:
    tally = Tally(watermark=at(10) + 1)
    tally.add("shop", at(3), 10.0, "approve", alert=False, late=True, too_late=True)
    tally.add("shop", at(12), 10.0, "block", alert=True, late=False, too_late=False)
    assert tally.minutes() == [at(10), at(12)]
    assert tally.column("late") == tally.column("too_late") == [1, 0]
    assert tally.column("blocked") == [0, 1]
