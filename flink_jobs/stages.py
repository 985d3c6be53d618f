"""The stages as Flink operators: each calls its stage (``udfs.stages``) with keyed state, and emits the output.

An operator emits one row of arrays for each batch, and Java explodes it (``flink_jobs.explode``): one crossing from
Python to Java for many decisions.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyflink.common import Row, Time, TypeInformation, Types
from pyflink.datastream import DataStream, KeyedProcessFunction, KeyedStream, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, StateTtlConfig

from flink_jobs import wiring
from flink_jobs.keyed_state import FlinkKeyedState
from flink_jobs.mini_batch import BYTES
from flink_jobs.operator_metrics import OperatorMetrics
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.names import Kind, StateName, Uid
from udfs.stages.envelope import DeadLetter
from udfs.stages.minute_totals import MINUTE_COLUMNS, MinuteTotals, watermarks
from udfs.stages.open_windows import metrics_record
from udfs.warmup import warm_up

# Lists cross to Java by element: 0.8 us for the key and value of a decision. One block with lengths costs the same.
_MANY_BYTES = Types.OBJECT_ARRAY(BYTES)
_MANY_LONGS = Types.OBJECT_ARRAY(Types.LONG())
# One column each, not an array of rows: in thread mode PyFlink reuses one Row for all elements of an array. Kafka's
# headers are bytes.
_REFUSED = {
    "refused_keys": _MANY_BYTES,
    "refused_values": _MANY_BYTES,
    "reasons": _MANY_BYTES,
    "details": _MANY_BYTES,
    "source_topics": _MANY_BYTES,
    "source_partitions": _MANY_BYTES,
    "source_offsets": _MANY_BYTES,
}
_TO_MERCHANTS = {"merchant_shards": _MANY_LONGS, "merchant_messages": _MANY_BYTES}
_USER_OUTPUT = {"device_shards": _MANY_LONGS, "device_messages": _MANY_BYTES, **_TO_MERCHANTS, **_REFUSED}
_DECISIONS = {
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
_MERCHANT_OUTPUT = {
    **_DECISIONS,
    "metric_keys": _MANY_BYTES,
    "metric_values": _MANY_BYTES,
    **_TOTALS,
    **_REFUSED,
}
_NO_DECISIONS: tuple[list[Any], ...] = ([],) * len(_DECISIONS)
_NO_TOTALS: tuple[list[Any], ...] = ([],) * len(_TOTALS)


def user_stage(
    batches: KeyedStream, settings: Settings, users: Shards, devices: Shards, merchants: Shards
) -> DataStream:
    """Add the user stage; its rows hold messages by key of the target shard, and dead letters."""
    stage = batches.process(_UserStage(settings, users, devices, merchants), _row_type(_USER_OUTPUT))
    return stage.name("user stage").uid(Uid.USER_STAGE)


def device_stage(batches: KeyedStream, settings: Settings, devices: Shards, merchants: Shards) -> DataStream:
    """Add the device stage; its rows hold messages by key of the merchant shard."""
    stage = batches.process(_DeviceStage(settings, devices, merchants), _row_type(_TO_MERCHANTS))
    return stage.name("device stage").uid(Uid.DEVICE_STAGE)


def merchant_stage(batches: KeyedStream, settings: Settings, merchants: Shards) -> DataStream:
    """Add the merchant stage; its rows hold decisions, alerts, closed minutes, totals for the window, dead letters."""
    stage = batches.process(_MerchantStage(settings, merchants), _row_type(_MERCHANT_OUTPUT))
    return stage.name("merchant stage").uid(Uid.MERCHANT_STAGE)


def _row_type(columns: Mapping[str, TypeInformation]) -> TypeInformation:
    return Types.ROW_NAMED(list(columns), list(columns.values()))


class _Stage(KeyedProcessFunction):
    """Base of the operators: finds the shard of a key, holds keyed state, calls checkpoint and batch."""

    def __init__(self, settings: Settings, shards: Shards) -> None:
        self._settings = settings
        self._number = {key: number for number, key in enumerate(shards.keys)}

    def process_element(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Process a batch of a shard; an empty one is the signal of ``MiniBatch`` that a checkpoint begins."""
        if value:
            yield from self._batch(value, ctx)
            return
        with self._metrics.batch(0):
            self._stage.checkpoint(self._shard(ctx), self._state, _now_ms())

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        raise NotImplementedError

    @staticmethod
    def _tune_garbage_collector() -> None:
        """Run the cyclic garbage collector rarely: stages make no cycles, and a full collection visits every profile.

        With the defaults it takes 5 to 8 % of a drain, in pauses that grow with the number of cached profiles.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1_000)

    def _open_state(self, context: RuntimeContext, name: StateName) -> FlinkKeyedState:
        warm_up()
        self._tune_garbage_collector()
        self._metrics = OperatorMetrics(context)
        self._metrics.declare("pattern_events_forgotten", "pattern_searches_given_up")
        self._counted = 0, 0
        # PICKLED: PyFlink fails on an unset value of the plain type.
        descriptor = MapStateDescriptor(name.value, Types.STRING(), Types.PICKLED_BYTE_ARRAY())
        lifetime = Time.days(self._settings.job.profile_ttl_days)
        # Expired entries go at compaction, as by Flink's default. PyFlink's default of the second argument needs a JVM
        # gateway, which a TaskManager lacks; thread mode never reads it.
        descriptor.enable_time_to_live(
            StateTtlConfig.new_builder(lifetime)
            .set_update_type(StateTtlConfig.UpdateType.OnCreateAndWrite)
            .disable_cleanup_in_background()
            .cleanup_in_rocksdb_compact_filter(10_000, lifetime)
            .build()
        )
        return FlinkKeyedState(context.get_map_state(descriptor))

    def _count_patterns(self) -> None:
        """Count evicted pattern events and truncated searches, from the stage's totals since the start."""
        evicted, truncated = self._counted
        self._counted = self._stage.evicted, self._stage.matcher.search_truncated
        self._metrics.count("pattern_events_forgotten", self._counted[0] - evicted)
        self._metrics.count("pattern_searches_given_up", self._counted[1] - truncated)

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
            # A detail may quote half a surrogate pair, which UTF-8 cannot encode.
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
        self._state = self._open_state(runtime_context, StateName.USER_PROFILES)
        self._stage = wiring.user_stage(self._settings)
        self._metrics.declare("duplicates", "late", "too_late", "refused")

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._metrics.batch(len(value)):
            output = self._stage.process(self._shard(ctx), value, self._state, _now_ms())
            self._count_patterns()
            self._metrics.count("duplicates", output.duplicates)
            self._metrics.count("late", output.late)
            self._metrics.count("too_late", output.too_late)
            self._metrics.count("refused", len(output.dead_letters))
        yield from _row(
            *_message_columns(output.to_devices, self._devices),
            *_message_columns(output.to_merchants, self._merchants),
            *self._refused_columns(output.dead_letters),
        )


class _DeviceStage(_Stage):
    def __init__(self, settings: Settings, devices: Shards, merchants: Shards) -> None:
        super().__init__(settings, devices)
        self._merchants = merchants

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = self._open_state(runtime_context, StateName.DEVICE_PROFILES)
        self._stage = wiring.device_stage(self._settings)

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._metrics.batch(len(value)):
            messages = self._stage.process(self._shard(ctx), value, self._state, _now_ms())
            self._count_patterns()
        yield from _row(*_message_columns(messages, self._merchants))


class _MerchantStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = self._open_state(runtime_context, StateName.MERCHANT_PROFILES)
        self._stage = wiring.merchant_stage(self._settings)
        self._metrics.declare("decisions", "alerts")
        self._idle_timers: dict[int, int] = {}

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        shard = self._shard(ctx)
        with self._metrics.batch(len(value)):
            output = self._stage.process(shard, value, self._state, _now_ms())
            self._count_patterns()
            decisions = output.decisions
            self._metrics.count("alerts", len(decisions.alerts))
            self._metrics.count("decisions", len(decisions.decisions))
        self._register_idle_timer(shard, ctx)
        totals = output.minutes.totals()
        yield from _row(
            decisions.decision_keys,
            decisions.decisions,
            decisions.alert_keys,
            decisions.alerts,
            *_metric_columns(output.closed),
            watermarks(output.before, output.watermark, len(totals)),
            [minute for minute, _ in totals],
            *([each[column] for _, each in totals] for column in range(len(MINUTE_COLUMNS))),
            *self._refused_columns(output.dead_letters),
        )

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        shard = self._shard(ctx)
        # After a restart, restored timers may fire in addition to one registered since: one is enough.
        if self._idle_timers.setdefault(shard, timestamp) != timestamp:
            return
        del self._idle_timers[shard]
        closed = self._stage.close_idle(shard, self._state, _now_ms())
        self._register_idle_timer(shard, ctx)
        yield from _row(*_NO_DECISIONS, *_metric_columns(closed), *_NO_TOTALS, *self._refused_columns(()))

    def _register_idle_timer(self, shard: int, context: KeyedProcessFunction.Context) -> None:
        """Register a timer that closes the minutes of the shard if it is idle then; one at a time."""
        deadline = self._stage.idle_deadline(shard)
        if deadline is not None and shard not in self._idle_timers:
            self._idle_timers[shard] = deadline
            context.timer_service().register_processing_time_timer(deadline)


def _metric_columns(closed: Sequence[MinuteTotals]) -> tuple[list[bytes], list[bytes]]:
    return [counted.merchant_id.encode() for counted in closed], [metrics_record(counted) for counted in closed]


def _row(*columns: Sequence[Any]) -> Iterator[Row]:
    """A row of these columns; none if all are empty."""
    if any(columns):
        yield Row(*columns)


def _message_columns(messages: Sequence[tuple[int, bytes]], shards: Shards) -> tuple[list[int], list[bytes]]:
    """Columns of shard keys and of messages."""
    return [shards.keys[shard] for shard, _ in messages], [message for _, message in messages]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
