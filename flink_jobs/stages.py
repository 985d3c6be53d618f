"""The two stages as Flink operators: load state, call the stage, save, emit. What they compute is in ``udfs.stages``.

A stage emits one row of arrays for each batch, and Java unfolds it: one crossing for a batch, not one for a decision.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from pyflink.common import Row, Time, Types
from pyflink.datastream import DataStream, KeyedProcessFunction, KeyedStream, RuntimeContext
from pyflink.datastream.state import MapState, MapStateDescriptor, StateTtlConfig

from flink_jobs import wiring
from flink_jobs.gather import BYTES
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.names import Kind, StateName, Uid
from udfs.stages.envelope import DeadLetter
from udfs.stages.tally import TALLY_COLUMNS

_MANY_BYTES = Types.OBJECT_ARRAY(BYTES)
_MANY_LONGS = Types.OBJECT_ARRAY(Types.LONG())
_REFUSED = Types.OBJECT_ARRAY(
    Types.ROW_NAMED(
        ["record_key", "record_value", "reason", "detail", "source_topic", "source_partition", "source_offset"],
        [BYTES, BYTES, Types.STRING(), Types.STRING(), Types.STRING(), Types.INT(), Types.LONG()],
    )
)
_HANDED_OVER = Types.ROW_NAMED(["shards", "handoffs", "refused"], [_MANY_LONGS, _MANY_BYTES, _REFUSED])
_DECIDED = Types.ROW_NAMED(
    [
        *("decision_keys", "decision_values", "alert_keys", "alert_values", "refused"),
        *("event_clock", "minutes", "merchants"),
        *TALLY_COLUMNS,
    ],
    [
        *(_MANY_BYTES, _MANY_BYTES, _MANY_BYTES, _MANY_BYTES, _REFUSED),
        *(Types.LONG(), _MANY_LONGS, Types.OBJECT_ARRAY(Types.STRING())),
        *(Types.OBJECT_ARRAY(Types.DOUBLE()) for _ in TALLY_COLUMNS),
    ],
)


def user_stage(batches: KeyedStream, settings: Settings, users: Shards, merchants: Shards) -> DataStream:
    """Rows of ``(shards, handoffs, refused)``; ``shards`` are SQL keys of merchant shards."""
    stage = batches.process(_UserStage(settings, users, merchants), _HANDED_OVER)
    return stage.name("user stage").uid(Uid.USER_STAGE)


def merchant_stage(batches: KeyedStream, settings: Settings, merchants: Shards) -> DataStream:
    """Rows of decisions, alerts, refused control records, and what the metrics windows add up."""
    stage = batches.process(_MerchantStage(settings, merchants), _DECIDED)
    return stage.name("merchant stage").uid(Uid.MERCHANT_STAGE)


class _Stage(KeyedProcessFunction):
    """What both have in common: shards by their keys, state of packed profiles, names of topics."""

    def __init__(self, settings: Settings, shards: Shards) -> None:
        self._settings = settings
        self._number = {key: number for number, key in enumerate(shards.stream)}

    def _open_state(self, context: RuntimeContext, name: StateName) -> MapState:
        # PICKLED: PyFlink cannot read an unset value of the plain type.
        descriptor = MapStateDescriptor(name.value, Types.STRING(), Types.PICKLED_BYTE_ARRAY())
        lifetime = Time.days(self._settings.job.profile_ttl_days)
        # What is expired goes when RocksDB compacts. That is the default, but PyFlink's default of its second argument
        # asks for a JVM gateway, which a TaskManager has not; thread mode never reads that argument.
        descriptor.enable_time_to_live(
            StateTtlConfig.new_builder(lifetime)
            .set_update_type(StateTtlConfig.UpdateType.OnCreateAndWrite)
            .disable_cleanup_in_background()
            .cleanup_in_rocksdb_compact_filter(10_000, lifetime)
            .build()
        )
        return context.get_map_state(descriptor)

    def _shard(self, context: KeyedProcessFunction.Context) -> int:
        return self._number[context.get_current_key()]

    def _refused_rows(self, letters: Sequence[DeadLetter]) -> list[Row]:
        return [self._refused_row(letter) for letter in letters]

    def _refused_row(self, letter: DeadLetter) -> Row:
        envelope, refusal = letter
        names = self._settings.kafka.topics
        topics = {
            Kind.TRANSACTION: names.transactions,
            Kind.ACCOUNT_EVENT: names.account_events,
            Kind.LABEL: names.labels,
            Kind.CONTROL: names.control,
        }
        source = topics[Kind(envelope.kind)]
        reason = refusal.reason.value
        return Row(envelope.key, envelope.value, reason, refusal.detail, source, envelope.partition, envelope.offset)


class _UserStage(_Stage):
    def __init__(self, settings: Settings, users: Shards, merchants: Shards) -> None:
        super().__init__(settings, users)
        self._merchants = merchants

    def open(self, runtime_context: RuntimeContext) -> None:
        self._profiles = self._open_state(runtime_context, StateName.USER_PROFILES)
        self._stage = wiring.user_stage(self._settings, len(self._merchants))
        metrics = runtime_context.get_metrics_group()
        self._duplicates, self._late = metrics.counter("duplicates"), metrics.counter("late")
        self._refused = metrics.counter("refused")

    def process_element(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        output = self._stage.process(self._shard(ctx), value, self._profiles, _now_ms())
        for counter, count in (
            (self._duplicates, output.duplicates),
            (self._late, output.late),
            (self._refused, len(output.dead_letters)),
        ):
            if count:
                counter.inc(count)
        if output.handoffs or output.dead_letters:
            yield Row(
                [self._merchants.sql[shard] for shard, _ in output.handoffs],
                [handoff for _, handoff in output.handoffs],
                self._refused_rows(output.dead_letters),
            )


class _MerchantStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._profiles = self._open_state(runtime_context, StateName.MERCHANT_PROFILES)
        self._stage = wiring.merchant_stage(self._settings)
        metrics = runtime_context.get_metrics_group()
        self._decisions, self._alerts = metrics.counter("decisions"), metrics.counter("alerts")

    def process_element(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        output = self._stage.process(self._shard(ctx), value, self._profiles, _now_ms())
        verdicts, tally = output.verdicts, output.tally
        if verdicts.alerts:
            self._alerts.inc(len(verdicts.alerts))
        if verdicts.decisions or output.dead_letters:
            self._decisions.inc(len(verdicts.decisions))
            yield Row(
                verdicts.decision_keys,
                verdicts.decisions,
                verdicts.alert_keys,
                verdicts.alerts,
                self._refused_rows(output.dead_letters),
                output.watermark,
                tally.minutes(),
                tally.merchants(),
                *(tally.column(name) for name in TALLY_COLUMNS),
            )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
