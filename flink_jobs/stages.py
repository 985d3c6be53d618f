"""The stages as Flink operators: call the stage with its state, and emit what it says (``udfs.stages``).

A stage emits one row of arrays a batch, and Java unfolds it (``flink_jobs.explode``): one crossing for many decisions,
not one for each.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyflink.common import Row, Time, TypeInformation, Types
from pyflink.datastream import DataStream, KeyedProcessFunction, KeyedStream, RuntimeContext
from pyflink.datastream.state import MapState, MapStateDescriptor, StateTtlConfig

from flink_jobs import wiring
from flink_jobs.mini_batch import BYTES
from flink_jobs.operator_metrics import OperatorMetrics
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.names import Kind, StateName, Uid
from udfs.stages.envelope import DeadLetter
from udfs.stages.minute_totals import MINUTE_COLUMNS, MinuteTotals, watermarks
from udfs.stages.open_windows import metrics_record
from udfs.stages.pattern_matching import PatternMatcher
from udfs.warmup import warm_up

# Java gets such a list element by element: 0.8 us for the key and the value of a decision. All of them as one block,
# with their lengths, cost as much.
_MANY_BYTES = Types.OBJECT_ARRAY(BYTES)
_MANY_LONGS = Types.OBJECT_ARRAY(Types.LONG())
# A column each and not an array of rows: in thread mode PyFlink makes one Row for all elements of an array, so that
# each of them is the last. Headers of Kafka's are bytes.
_REFUSED = {
    "refused_keys": _MANY_BYTES,
    "refused_values": _MANY_BYTES,
    "reasons": _MANY_BYTES,
    "details": _MANY_BYTES,
    "source_topics": _MANY_BYTES,
    "source_partitions": _MANY_BYTES,
    "source_offsets": _MANY_BYTES,
}
_TO_MERCHANTS = {"merchant_shards": _MANY_LONGS, "merchant_handoffs": _MANY_BYTES}
_HANDED_OVER = {"device_shards": _MANY_LONGS, "device_handoffs": _MANY_BYTES, **_TO_MERCHANTS, **_REFUSED}
_VERDICTS = {
    "decision_keys": _MANY_BYTES,
    "decision_values": _MANY_BYTES,
    "alert_keys": _MANY_BYTES,
    "alert_values": _MANY_BYTES,
}
_TOTALS = {
    "event_clocks": _MANY_LONGS,
    "minutes": _MANY_LONGS,
    **{name: Types.OBJECT_ARRAY(Types.DOUBLE()) for name in MINUTE_COLUMNS},
}
_DECIDED = {
    **_VERDICTS,
    "metric_keys": _MANY_BYTES,
    "metric_values": _MANY_BYTES,
    **_TOTALS,
    **_REFUSED,
}
_NO_VERDICTS: tuple[list[Any], ...] = ([],) * len(_VERDICTS)
_NO_TOTALS: tuple[list[Any], ...] = ([],) * len(_TOTALS)


def user_stage(
    batches: KeyedStream, settings: Settings, users: Shards, devices: Shards, merchants: Shards
) -> DataStream:
    """Rows of what is handed over, by keys of the shards, and of what was refused."""
    stage = batches.process(_UserStage(settings, users, devices, merchants), _row_type(_HANDED_OVER))
    return stage.name("user stage").uid(Uid.USER_STAGE)


def device_stage(batches: KeyedStream, settings: Settings, devices: Shards, merchants: Shards) -> DataStream:
    """Rows of what is handed over, by keys of the merchant shards."""
    stage = batches.process(_DeviceStage(settings, devices, merchants), _row_type(_TO_MERCHANTS))
    return stage.name("device stage").uid(Uid.DEVICE_STAGE)


def merchant_stage(batches: KeyedStream, settings: Settings, merchants: Shards) -> DataStream:
    """Rows of decisions, alerts, minutes that are over, what the metrics window adds up, refused control."""
    stage = batches.process(_MerchantStage(settings, merchants), _row_type(_DECIDED))
    return stage.name("merchant stage").uid(Uid.MERCHANT_STAGE)


def _row_type(columns: Mapping[str, TypeInformation]) -> TypeInformation:
    return Types.ROW_NAMED(list(columns), list(columns.values()))


class _Stage(KeyedProcessFunction):
    """What all have in common: shards by their keys, state of packed profiles, names of topics."""

    def __init__(self, settings: Settings, shards: Shards) -> None:
        self._settings = settings
        self._number = {key: number for number, key in enumerate(shards.keys)}

    def process_element(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """A batch of a shard; or an empty one, by which ``MiniBatch`` says that a checkpoint begins."""
        if value:
            yield from self._batch(value, ctx)
            return
        with self._meter.batch(0):
            self._stage.checkpoint(self._shard(ctx), self._profiles, _now_ms())

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        raise NotImplementedError

    @staticmethod
    def _calm_collector() -> None:
        """Let Python look for cycles seldom: the stages make none, and a full look goes through every cached profile.

        It costs 5 to 8 % of a drain otherwise, and stands still for as long as there are profiles.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1_000)

    def _open_state(self, context: RuntimeContext, name: StateName) -> MapState:
        warm_up()
        self._calm_collector()
        self._meter = OperatorMetrics(context)
        self._meter.declare("pattern_events_forgotten", "pattern_searches_given_up")
        self._counted = 0, 0
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

    def _count_patterns(self, watch: PatternMatcher) -> None:
        """Count what patterns had to forget and to give up, from the totals since the start."""
        forgotten, given_up = self._counted
        self._counted = watch.evicted, watch.search_truncated
        self._meter.count("pattern_events_forgotten", watch.evicted - forgotten)
        self._meter.count("pattern_searches_given_up", watch.search_truncated - given_up)

    def _shard(self, context: KeyedProcessFunction.Context) -> int:
        return self._number[context.get_current_key()]

    def _refused_columns(self, letters: Sequence[DeadLetter]) -> tuple[list[Any], ...]:
        """The columns of ``_REFUSED``."""
        names = self._settings.kafka.topics
        topics = {
            Kind.TRANSACTION: names.transactions,
            Kind.ACCOUNT_EVENT: names.account_events,
            Kind.LABEL: names.labels,
            Kind.CONTROL: names.control,
        }
        return (
            [envelope.key for envelope, _ in letters],
            [envelope.value for envelope, _ in letters],
            [refusal.reason.value.encode() for _, refusal in letters],
            # It may quote what no encoding can hold: half a surrogate pair.
            [refusal.detail.encode(errors="replace") for _, refusal in letters],
            [topics[Kind(envelope.kind)].encode() for envelope, _ in letters],
            [str(envelope.partition).encode() for envelope, _ in letters],
            [str(envelope.offset).encode() for envelope, _ in letters],
        )


class _UserStage(_Stage):
    def __init__(self, settings: Settings, users: Shards, devices: Shards, merchants: Shards) -> None:
        super().__init__(settings, users)
        self._devices, self._merchants = devices, merchants

    def open(self, runtime_context: RuntimeContext) -> None:
        self._profiles = self._open_state(runtime_context, StateName.USER_PROFILES)
        self._stage = wiring.user_stage(self._settings)
        self._meter.declare("duplicates", "late", "too_late", "refused")

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._meter.batch(len(value)):
            output = self._stage.process(self._shard(ctx), value, self._profiles, _now_ms())
            self._count_patterns(self._stage.watch)
            self._meter.count("duplicates", output.duplicates)
            self._meter.count("late", output.late)
            self._meter.count("too_late", output.too_late)
            self._meter.count("refused", len(output.dead_letters))
        yield from _row(
            *_addressed(output.to_devices, self._devices),
            *_addressed(output.to_merchants, self._merchants),
            *self._refused_columns(output.dead_letters),
        )


class _DeviceStage(_Stage):
    def __init__(self, settings: Settings, devices: Shards, merchants: Shards) -> None:
        super().__init__(settings, devices)
        self._merchants = merchants

    def open(self, runtime_context: RuntimeContext) -> None:
        self._profiles = self._open_state(runtime_context, StateName.DEVICE_PROFILES)
        self._stage = wiring.device_stage(self._settings)

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._meter.batch(len(value)):
            handoffs = self._stage.process(self._shard(ctx), value, self._profiles, _now_ms())
            self._count_patterns(self._stage.watch)
        yield from _row(*_addressed(handoffs, self._merchants))


class _MerchantStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._profiles = self._open_state(runtime_context, StateName.MERCHANT_PROFILES)
        self._stage = wiring.merchant_stage(self._settings)
        self._meter.declare("decisions", "alerts")
        self._looking: dict[int, int] = {}

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        shard = self._shard(ctx)
        with self._meter.batch(len(value)):
            output = self._stage.process(shard, value, self._profiles, _now_ms())
            self._count_patterns(self._stage.watch)
            verdicts = output.decisions
            self._meter.count("alerts", len(verdicts.alerts))
            self._meter.count("decisions", len(verdicts.decisions))
        self._look_again(shard, ctx)
        totals = output.minutes.totals()
        yield from _row(
            verdicts.decision_keys,
            verdicts.decisions,
            verdicts.alert_keys,
            verdicts.alerts,
            *_metric_columns(output.closed),
            watermarks(output.before, output.watermark, len(totals)),
            [minute for minute, _ in totals],
            *([each[column] for _, each in totals] for column in range(len(MINUTE_COLUMNS))),
            *self._refused_columns(output.dead_letters),
        )

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        shard = self._shard(ctx)
        # After a restart there are timers of before it, and a newer one where a batch came first: one is enough.
        if self._looking.setdefault(shard, timestamp) != timestamp:
            return
        del self._looking[shard]
        over = self._stage.close_idle(shard, self._profiles, _now_ms())
        self._look_again(shard, ctx)
        yield from _row(*_NO_VERDICTS, *_metric_columns(over), *_NO_TOTALS, *self._refused_columns(()))

    def _look_again(self, shard: int, context: KeyedProcessFunction.Context) -> None:
        """Have a timer look whether the shard has fallen silent; one at a time."""
        silent_from = self._stage.idle_deadline(shard)
        if silent_from is not None and shard not in self._looking:
            self._looking[shard] = silent_from
            context.timer_service().register_processing_time_timer(silent_from)


def _metric_columns(over: Sequence[MinuteTotals]) -> tuple[list[bytes], list[bytes]]:
    return [counted.merchant_id.encode() for counted in over], [metrics_record(counted) for counted in over]


def _row(*columns: Sequence[Any]) -> Iterator[Row]:
    """The row of these columns; none if there is nothing in any of them."""
    if any(columns):
        yield Row(*columns)


def _addressed(handoffs: Sequence[tuple[int, bytes]], shards: Shards) -> tuple[list[int], list[bytes]]:
    """Columns of keys and of handoffs."""
    return [shards.keys[shard] for shard, _ in handoffs], [handoff for _, handoff in handoffs]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
