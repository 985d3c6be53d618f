"""``sentinel bench patterns`` measures what stages do: their profiles, payments with account events in between."""

from __future__ import annotations

import math

from apps.bench.micro.patterns import BATCH, copied, cost, ordinary_traffic
from udfs.patterns import Entity, default_patterns


def test_every_stage_has_a_cost_with_account_events_among_the_users() -> None:
    work = ordinary_traffic(2_000)
    assert any(batch.account_events for batch in work[Entity.USER])
    assert all(0 <= one.row <= len(batch.payments) for batch in work[Entity.USER] for one in batch.account_events)
    assert all(len(batch.payments) + len(batch.account_events) in (BATCH, BATCH + 1) for batch in work[Entity.USER])
    found = cost(default_patterns(), work, rounds=1)
    assert found.keys() == {*Entity}
    # What patterns add may be less than the clock's noise, on either side of nothing.
    assert all(map(math.isfinite, found.values()))


def test_copies_are_patterns_of_their_own() -> None:
    assert len(copied(2).all) == 2 * len(default_patterns().all)
