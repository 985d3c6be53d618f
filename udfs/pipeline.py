"""The stages of the job in one process, without Flink, over records in memory: for training, backtests and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from state.kernel.times import HOUR_MS
from state.store.keyed_state import KeyedState
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import PatternSet, default_patterns
from udfs.records.limits import Limits
from udfs.rules import RuleSet, default_rules
from udfs.stages.decision_engine import ScoringModel
from udfs.stages.device import DeviceStage, DeviceStageOptions
from udfs.stages.merchant import MerchantOutput, MerchantStage, MerchantStageOptions
from udfs.stages.stage import Stage
from udfs.stages.stage_message import Routes
from udfs.stages.user import UserOutput, UserStage, UserStageOptions


class MemoryState(dict[str, bytes]):
    """Keyed state of one shard in memory."""

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write several entries."""
        self.update(entries)

    def remove(self, key: str) -> None:
        """Remove an entry."""
        self.pop(key, None)


S = TypeVar("S", bound=KeyedState)


class PipelineStates(NamedTuple, Generic[S]):
    """Keyed state of the stages of a pipeline."""

    users: S
    devices: S
    merchants: S


class Pipeline:
    """The user stage, the device stage and the merchant stage in a row, each with one shard.

    With ``subtasks`` it is one subtask of several, as in a job of that parallelism, and has a part of the shards: its
    owner calls the stages one by one and carries their messages (``apps.backtest.subtasks``).

    Args:
        model: None lets rules decide alone.
        rules: in force until a control record changes them; None for the default ones.
        patterns: in force until a control record changes them; None for the default ones.
        thresholds: in force until a control record changes them.
        limits: of the records.
        out_of_orderness_ms: disorder within a partition that is not late, milliseconds.
        lateness_ms: an event at most this late is decided and matched exactly, milliseconds.
        cached_profiles: decoded profiles kept by each stage.
        changelog: whether a checkpoint writes changes of profiles, as in the job, instead of whole profiles.
        shared_entries: most cards, countries and networks on lists.
        list_exceptions: whether an allow of the user or the card wins over a block of the country or the network.
        states: to go on from; None for empty ones.
        shards: of each stage; more than one only with empty states.
        subtask: number of this subtask.
        subtasks: number of all subtasks; shard ``i`` belongs to subtask ``i % subtasks``.

    Attributes:
        users: the user stage.
        devices: the device stage.
        merchants: the merchant stage.
        states: keyed state of the stages; complete after ``checkpoint``.
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
        shared_entries: int = 10_000,
        list_exceptions: bool = True,
        states: PipelineStates[Any] | None = None,
        shards: int = 1,
        subtask: int = 0,
        subtasks: int = 1,
    ) -> None:
        idle_ms = 30_000
        patterns = patterns or default_patterns()
        common: dict[str, Any] = {
            "shards": shards,
            "lateness_ms": lateness_ms,
            "idle_ms": idle_ms,
            "cached_profiles": cached_profiles,
            "changelog": changelog,
            "patterns": patterns,
        }
        routes = Routes([number % subtasks for number in range(shards)])
        self.users = UserStage(
            UserStageOptions(
                limits=limits,
                devices=routes,
                merchants=routes,
                out_of_orderness_ms=out_of_orderness_ms,
                shared_entries=shared_entries,
                **common,
            )
        )
        self.devices = DeviceStage(DeviceStageOptions(first_source=shards, merchants=routes, **common))
        self.merchants = MerchantStage(
            MerchantStageOptions(
                rules=rules or default_rules(FEATURE_NAMES),
                thresholds=thresholds,
                model=model,
                sample_every=0,
                list_exceptions=list_exceptions,
                **common,
            )
        )
        self.states: PipelineStates[Any] = states or PipelineStates(MemoryState(), MemoryState(), MemoryState())
        stages: tuple[Stage[Any], ...] = (self.users, self.devices, self.merchants)
        for stage, state in zip(stages, self.states, strict=True):
            for number in range(subtask, shards, subtasks):
                stage.attach(number, state if shards == 1 else MemoryState())

    def process(
        self, records: Sequence[bytes], now_ms: int, control: Sequence[bytes] = ()
    ) -> tuple[UserOutput, MerchantOutput]:
        """Process a batch.

        Args:
            records: encoded envelopes of transactions, account events, labels and list entries.
            now_ms: the wall clock, epoch milliseconds.
            control: encoded envelopes of control records, in force from this batch on.
        """
        output = self.users.process([*control, *records], now_ms)
        to_devices = [*control, *(each.message for each in output.to_devices)]
        from_devices = self.devices.process(to_devices, now_ms) if to_devices else []
        to_merchants = [*control, *(each.message for each in (*output.to_merchants, *from_devices))]
        return output, self.merchants.process(to_merchants, now_ms)

    def checkpoint(self, now_ms: int) -> None:
        """Write everything that the states lack; another pipeline can go on from them.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        self.users.checkpoint(now_ms)
        self.devices.checkpoint(now_ms)
        self.merchants.checkpoint(now_ms)

    def write_profiles(self) -> None:
        """Write the profiles only, without clocks, control and pending matches."""
        self.users.write_profiles()
        self.devices.write_profiles()
        self.merchants.write_profiles()
