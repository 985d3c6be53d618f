"""All stages in one process, over records in memory: for training tables, backtests and tests.

It is the job without Flink: the same stages, the same state in a dict, one shard of each.
"""

from __future__ import annotations

from collections.abc import Sequence

from state.kernel.times import HOUR_MS
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import PatternSet, default_patterns
from udfs.records.limits import Limits
from udfs.rules import RuleSet, default_rules
from udfs.stages.decision_engine import ScoringModel
from udfs.stages.device import DeviceStage, DeviceStageOptions
from udfs.stages.merchant import MerchantOutput, MerchantStage, MerchantStageOptions
from udfs.stages.user import UserOutput, UserStage, UserStageOptions

_SHARD = 0


class MemoryState(dict[str, bytes]):
    """Keyed state of one shard, in memory."""

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write several."""
        self.update(entries)

    def remove(self, key: str) -> None:
        """Forget what is there."""
        self.pop(key, None)


class Pipeline:
    """A user stage, a device stage and a merchant stage in a row.

    Args:
        model: to be asked; None lets rules decide alone.
        rules: in force at first; None for the ready ones.
        patterns: likewise; None for the ready ones.
        thresholds: in force until a control record changes them.
        limits: of the records.
        out_of_orderness_ms: disorder that is not called late.
        lateness_ms: how late an event may come and be decided and matched exactly.
        cached_profiles: decoded profiles kept.
        changelog: whether a checkpoint writes what changed, as in the job; otherwise it writes every profile that did.

    Attributes:
        users: the stages, for whoever brings their own way from one to the next.
        devices: likewise.
        merchants: likewise.
    """

    def __init__(
        self,
        *,
        model: ScoringModel | None = None,
        rules: RuleSet | None = None,
        patterns: PatternSet | None = None,
        thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
        limits: Limits = Limits(),  # noqa: B008 - frozen
        out_of_orderness_ms: int = 5_000,
        lateness_ms: int = HOUR_MS,
        cached_profiles: int = 50_000,
        changelog: bool = False,
    ) -> None:
        idle_ms = 30_000
        patterns = patterns or default_patterns()
        self.user_state, self.device_state, self.merchant_state = MemoryState(), MemoryState(), MemoryState()
        self.users = UserStage(
            UserStageOptions(
                limits=limits,
                device_shards=1,
                merchant_shards=1,
                out_of_orderness_ms=out_of_orderness_ms,
                lateness_ms=lateness_ms,
                idle_ms=idle_ms,
                cached_profiles=cached_profiles,
                changelog=changelog,
                patterns=patterns,
            )
        )
        self.devices = DeviceStage(
            DeviceStageOptions(
                first_source=1,
                merchant_shards=1,
                lateness_ms=lateness_ms,
                idle_ms=idle_ms,
                cached_profiles=cached_profiles,
                changelog=changelog,
                patterns=patterns,
            )
        )
        self.merchants = MerchantStage(
            MerchantStageOptions(
                rules=rules or default_rules(FEATURE_NAMES),
                thresholds=thresholds,
                model=model,
                sample_every=0,
                lateness_ms=lateness_ms,
                idle_ms=idle_ms,
                cached_profiles=cached_profiles,
                changelog=changelog,
                patterns=patterns,
            )
        )

    def process(
        self, records: Sequence[bytes], now_ms: int, control: Sequence[bytes] = ()
    ) -> tuple[UserOutput, MerchantOutput]:
        """Take in a batch.

        Args:
            records: sealed envelopes of transactions, account events and labels.
            now_ms: the wall clock, epoch milliseconds.
            control: sealed envelopes of control records, which are in force for the batch.
        """
        taken = self.users.process(_SHARD, [*control, *records], self.user_state, now_ms)
        to_devices = [*control, *(handoff for _, handoff in taken.to_devices)]
        passed_on = self.devices.process(_SHARD, to_devices, self.device_state, now_ms) if to_devices else []
        handed_over = [*control, *(handoff for _, handoff in (*taken.to_merchants, *passed_on))]
        return taken, self.merchants.process(_SHARD, handed_over, self.merchant_state, now_ms)

    def checkpoint(self, now_ms: int) -> None:
        """Write what the states lack; whoever keeps them can go on from them with another pipeline.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        self.users.checkpoint(_SHARD, self.user_state, now_ms)
        self.devices.checkpoint(_SHARD, self.device_state, now_ms)
        self.merchants.checkpoint(_SHARD, self.merchant_state, now_ms)

    def write_profiles(self) -> None:
        """Write the profiles alone, and not what shards keep beside them."""
        self.users.write_profiles(_SHARD, self.user_state)
        self.devices.write_profiles(_SHARD, self.device_state)
        self.merchants.write_profiles(_SHARD, self.merchant_state)
