"""Hops of payments: percentiles of a histogram, and reading it from Flink."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import ClassVar, cast

import pytest

from deploy.bench.hop_table import hop_table, stand_still_table
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.hop_times import BOUNDS_US, HOPS, STAND_STILLS, HopTime, read_hop_times
from deploy.paths import ROOT


def histogram(**payments: float) -> tuple[float, ...]:
    """Buckets by upper bound: ``_5000=3``."""
    return tuple(payments.get(f"_{bound}", 0.0) for bound in (*BOUNDS_US, "inf"))


def test_the_buckets_are_those_of_the_edge() -> None:
    source = (ROOT / "flink_jobs/java/src/main/java/sentinel/edge/Hop.java").read_text()
    (bounds,) = re.findall(r"BOUNDS_US = \{([^}]*)\}", source)
    assert tuple(int(bound) for bound in bounds.split(",")) == BOUNDS_US


def test_a_percentile_lies_within_its_bucket() -> None:
    time = HopTime(0, histogram(_5000=50, _10000=49, inf=0, _300000=1))
    assert time.percentile_ms(50) == 5
    assert time.percentile_ms(25) == pytest.approx(4)
    assert time.percentile_ms(99) == 10
    assert time.percentile_ms(100) == 300
    assert HopTime().percentile_ms(50) is None


def test_above_the_last_bound_a_percentile_is_the_last_bound() -> None:
    assert HopTime(9e9, (*[0.0] * len(BOUNDS_US), 3.0)).percentile_ms(50) == 1_000


def test_a_later_reading_holds_what_happened_since() -> None:
    before, after = HopTime(10, histogram(_500=1)), HopTime(25, histogram(_500=3, _1000=1))
    assert after.since(before) == HopTime(15, histogram(_500=2, _1000=1))


class Flink:
    """Answers with the metrics of two vertices, spelled as Flink spells them."""

    values: ClassVar[dict[str, dict[str, float]]] = {
        "source": {
            "Source__events.deserializer.fetch_us": 9_000.0,
            "Source__events.deserializer.fetch_bucket_5000_us": 2.0,
        },
        "user": {
            "batch_by_user.buffer_us": 4_000.0,
            "batch_by_user.buffer_bucket_2000_us": 2.0,
            "batch_by_user.stand_still_us": 30_000.0,
            "batch_by_user.stand_still_bucket_30000_us": 1.0,
            "user_stage.busy_us": 7.0,
        },
    }

    def job(self, _: str) -> SimpleNamespace:
        names = {"source": "Source: events", "user": "batch by user -> user stage -> (to devices, to merchants)"}
        return SimpleNamespace(vertices=[SimpleNamespace(id=key, name=name) for key, name in names.items()])

    def metric_names(self, _: str, vertex: str) -> list[str]:
        return list(self.values[vertex])

    def metrics(self, _: str, vertex: str, names: list[str]) -> dict[str, float]:
        return {name: value for name, value in self.values[vertex].items() if name in names}


def test_hops_are_read_from_the_operator_that_measures_them() -> None:
    found = {hop.name: time for hop, time in read_hop_times(cast(FlinkRest, Flink()), "job").items()}
    assert found["fetch"] == HopTime(9_000, histogram(_5000=2))
    assert found["user: in the mini-batch"] == HopTime(4_000, histogram(_2000=2))
    assert found["user stage"] == HopTime(30_000, histogram(_30000=1))
    assert found["merchant: in the mini-batch"] == found["sink"] == HopTime()
    assert len(found) == len(HOPS) + len(STAND_STILLS)


def test_the_rows_of_the_table_add_up_to_the_latency() -> None:
    hops = read_hop_times(cast(FlinkRest, Flink()), "job")
    table = hop_table(hops, payments=2, latency_ms=8.0, title="hops")
    *parts, total = table.rows
    assert sum(cast(float, row[1]) for row in parts) == pytest.approx(cast(float, total[1])) == 8.0
    assert sum(cast(float, row[2]) for row in parts) == pytest.approx(100, abs=0.05)
    rows = {str(row[0]): row[1:] for row in table.rows}
    assert rows["fetch"] == [4.5, 56.25, 100, 4.0, 4.98]
    assert rows["not accounted for"][0] == 1.5
    assert stand_still_table(hops, "still").rows[0] == ["user stage", 1, 30.0, 25.0, 29.9]
