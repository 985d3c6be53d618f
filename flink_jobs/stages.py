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
from flink_jobs.keyed_state import KeyContext, ShardState
from flink_jobs.mini_batch import BYTES
from flink_jobs.operator_metrics import OperatorMetrics
from flink_jobs.settings import Settings
from flink_jobs.shards import Shards
from udfs.control.log import encode_log_record
from udfs.names import Kind, StateName, Uid
from udfs.stages.envelope import DeadLetter
from udfs.stages.minute_totals import MINUTE_COLUMNS, MinuteTotals
from udfs.stages.open_windows import metrics_record
from udfs.stages.stage import Stage
from udfs.stages.stage_message import SubtaskMessage
from udfs.warmup import warm_up

# Lists cross to Java by element: 0.8 us for the key and value of a decision. One block with lengths costs the same.
_MANY_BYTES = Types.OBJECT_ARRAY(BYTES)
_MANY_LONGS = Types.OBJECT_ARRAY(Types.LONG())
# One column each, not an array of rows: in thread mode PyFlink reuses one Row for all elements of an array. Kafka's
# headers are bytes.
DEAD_LETTERS = (
    "refused_keys",
    "refused_values",
    "reasons",
    "details",
    "source_topics",
    "source_partitions",
    "source_offsets",
)
_DEAD_LETTERS = dict.fromkeys(DEAD_LETTERS, _MANY_BYTES)
CONTROL_LOG = ("log_keys", "log_values")
_CONTROL_LOG = dict.fromkeys(CONTROL_LOG, _MANY_BYTES)
TO_DEVICES, TO_MERCHANTS = (
    ("device_keys", "device_messages", "device_payments"),
    ("merchant_keys", "merchant_messages", "merchant_payments"),
)
_MESSAGES = (_MANY_LONGS, _MANY_BYTES, _MANY_LONGS)
_TO_MERCHANTS = dict(zip(TO_MERCHANTS, _MESSAGES, strict=True))
_USER_OUTPUT = {**dict(zip(TO_DEVICES, _MESSAGES, strict=True)), **_TO_MERCHANTS, **_DEAD_LETTERS, **_CONTROL_LOG}
_DEVICE_OUTPUT = {**_TO_MERCHANTS, **_CONTROL_LOG}
DECISIONS, ALERTS, METRICS, CONTROL = (
    ("decision_keys", "decision_values"),
    ("alert_keys", "alert_values"),
    ("metric_keys", "metric_values"),
    ("control_keys", "control_values"),
)
_TOTALS = {"minutes": _MANY_LONGS, **{name: Types.OBJECT_ARRAY(Types.DOUBLE()) for name in MINUTE_COLUMNS}}
_MERCHANT_OUTPUT = {
    "watermark": Types.LONG(),
    **dict.fromkeys((*DECISIONS, *ALERTS, *METRICS, *CONTROL), _MANY_BYTES),
    **_TOTALS,
    **_DEAD_LETTERS,
    **_CONTROL_LOG,
}


def user_stage(
    batches: KeyedStream, settings: Settings, users: Shards, devices: Shards, merchants: Shards
) -> DataStream:
    """Add the user stage; its rows hold messages by key of the target subtask, dead letters, acknowledgements."""
    stage = batches.process(_UserStage(settings, users, devices, merchants), _row_type(_USER_OUTPUT))
    return stage.name("user stage").uid(Uid.USER_STAGE)


def device_stage(
    batches: KeyedStream, settings: Settings, users: Shards, devices: Shards, merchants: Shards
) -> DataStream:
    """Add the device stage; its rows hold messages by key of the target subtask, and acknowledgements."""
    stage = batches.process(_DeviceStage(settings, users, devices, merchants), _row_type(_DEVICE_OUTPUT))
    return stage.name("device stage").uid(Uid.DEVICE_STAGE)


def merchant_stage(
    batches: KeyedStream, settings: Settings, users: Shards, devices: Shards, merchants: Shards
) -> DataStream:
    """Add the merchant stage; its rows hold decisions, alerts, closed minutes, totals by minute, dead letters."""
    stage = batches.process(_MerchantStage(settings, users, devices, merchants), _row_type(_MERCHANT_OUTPUT))
    return stage.name("merchant stage").uid(Uid.MERCHANT_STAGE)


def _row_type(columns: Mapping[str, TypeInformation]) -> TypeInformation:
    return Types.ROW_NAMED(list(columns), list(columns.values()))


class _Stage(KeyedProcessFunction):
    """Base of the operators: attaches the shards of the subtask, calls checkpoint and batch."""

    _stage: Stage[Any]

    def __init__(self, settings: Settings, users: Shards, devices: Shards, merchants: Shards) -> None:
        self._settings = settings
        self._users, self._devices, self._merchants = users, devices, merchants

    def process_element(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Process a batch; an empty one is the signal of ``MiniBatch`` that a checkpoint begins."""
        self._keys.reset()
        if value:
            yield from self._batch(value, ctx)
            return
        with self._metrics.batch(0):
            self._stage.checkpoint(_now_ms())

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        raise NotImplementedError

    def _open(
        self, context: RuntimeContext, stage: Stage[Any], name: StateName, lists: StateName, shards: Shards
    ) -> None:
        """Attach the shards of this subtask, and declare the counters that all stages have."""
        _tune_garbage_collector()
        self._stage = stage
        self._metrics = OperatorMetrics(context)
        self._metrics.declare("pattern_events_forgotten", "pattern_searches_given_up")
        self._counted = 0, 0
        self._keys = KeyContext(context)
        descriptor = _descriptor(name)
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
        entries = context.get_map_state(descriptor)
        # Without a time to live: an entry may hold for years, and the stage forgets those that have expired.
        list_entries = context.get_map_state(_descriptor(lists))
        subtask, parallelism = _subtask(context)
        for number in shards.of_subtask(subtask, parallelism):
            key = shards.keys[number]
            stage.attach(number, ShardState(self._keys, key, entries), ShardState(self._keys, key, list_entries))

    def _count_patterns(self) -> None:
        """Count evicted pattern events and truncated searches, from the stage's totals since the start."""
        evicted, truncated = self._counted
        self._counted = self._stage.evicted, self._stage.matcher.search_truncated
        self._metrics.count("pattern_events_forgotten", self._counted[0] - evicted)
        self._metrics.count("pattern_searches_given_up", self._counted[1] - truncated)

    def _log_columns(self) -> tuple[list[Any], ...]:
        """The columns of ``CONTROL_LOG``."""
        records = self._stage.drain_acknowledgements()
        return [record.kind.encode() for record in records], [encode_log_record(record) for record in records]

    def _dead_letter_columns(self, letters: Sequence[DeadLetter]) -> tuple[list[Any], ...]:
        """The columns of ``DEAD_LETTERS``."""
        topics = self._settings.kafka.topics
        return (
            [envelope.key for envelope, _ in letters],
            [envelope.value for envelope, _ in letters],
            [refusal.reason.value.encode() for _, refusal in letters],
            # A detail may quote half a surrogate pair, which UTF-8 cannot encode.
            [refusal.detail.encode(errors="replace") for _, refusal in letters],
            [topics.of_kind(Kind(envelope.kind)).encode() for envelope, _ in letters],
            [str(envelope.partition).encode() for envelope, _ in letters],
            [str(envelope.offset).encode() for envelope, _ in letters],
        )


class _UserStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        warm_up()
        _, parallelism = _subtask(runtime_context)
        self._device_keys = self._devices.subtask_keys(parallelism)
        self._merchant_keys = self._merchants.subtask_keys(parallelism)
        stage = wiring.user_stage(
            self._settings, self._devices.routes(parallelism), self._merchants.routes(parallelism)
        )
        self._open(runtime_context, stage, StateName.USER_PROFILES, StateName.USER_LISTS, self._users)
        self._user_stage = stage
        self._metrics.declare("duplicates", "late", "too_late", "refused")

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._metrics.batch(len(value)):
            output = self._user_stage.process(value, _now_ms())
            self._count_patterns()
            self._metrics.count("duplicates", output.duplicates)
            self._metrics.count("late", output.late)
            self._metrics.count("too_late", output.too_late)
            self._metrics.count("refused", len(output.dead_letters))
        yield from _row(
            *_message_columns(output.to_devices, self._device_keys),
            *_message_columns(output.to_merchants, self._merchant_keys),
            *self._dead_letter_columns(output.dead_letters),
            *self._log_columns(),
        )


class _DeviceStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        warm_up()
        _, parallelism = _subtask(runtime_context)
        self._merchant_keys = self._merchants.subtask_keys(parallelism)
        stage = wiring.device_stage(self._settings, self._merchants.routes(parallelism))
        self._open(runtime_context, stage, StateName.DEVICE_PROFILES, StateName.DEVICE_LISTS, self._devices)
        self._device_stage = stage

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._metrics.batch(len(value)):
            messages = self._device_stage.process(value, _now_ms())
            self._count_patterns()
        yield from _row(*_message_columns(messages, self._merchant_keys), *self._log_columns())


class _MerchantStage(_Stage):
    def open(self, runtime_context: RuntimeContext) -> None:
        warm_up()
        stage = wiring.merchant_stage(self._settings)
        self._open(runtime_context, stage, StateName.MERCHANT_PROFILES, StateName.MERCHANT_LISTS, self._merchants)
        self._merchant_stage = stage
        self._metrics.declare("decisions", "alerts")
        self._idle_timer: int | None = None

    def _batch(self, value: Sequence[bytes], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        with self._metrics.batch(len(value)):
            output = self._merchant_stage.process(value, _now_ms())
            self._count_patterns()
            decisions = output.decisions
            self._metrics.count("alerts", len(decisions.alerts))
            self._metrics.count("decisions", len(decisions.decisions))
        self._register_idle_timer(ctx)
        totals = output.minutes.totals()
        yield from _row(
            decisions.decision_keys,
            decisions.decisions,
            decisions.alert_keys,
            decisions.alerts,
            *_metric_columns(output.closed),
            *_control_columns(self._merchant_stage.drain_displaced()),
            [minute for minute, _ in totals],
            *([each[column] for _, each in totals] for column in range(len(MINUTE_COLUMNS))),
            *self._dead_letter_columns(output.dead_letters),
            *self._log_columns(),
            first=(output.watermark,),
        )

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Close the minutes of merchants if no batch came for long."""
        self._keys.reset()
        # After a restart, restored timers may fire in addition to one registered since: one is enough.
        if self._idle_timer is not None and self._idle_timer != timestamp:
            return
        self._idle_timer = None
        closed = self._merchant_stage.close_idle(_now_ms())
        self._register_idle_timer(ctx)
        totals: tuple[list[Any], ...] = ([],) * len(_TOTALS)
        nothing: tuple[list[Any], ...] = ([],) * len((*DECISIONS, *ALERTS))
        yield from _row(
            *nothing,
            *_metric_columns(closed),
            *_control_columns(()),
            *totals,
            *self._dead_letter_columns(()),
            *self._log_columns(),
            first=(self._merchant_stage.clock.watermark,),
        )

    def _register_idle_timer(self, context: KeyedProcessFunction.Context) -> None:
        """Register a timer that closes the minutes if the subtask is idle then; one at a time."""
        deadline = self._merchant_stage.idle_deadline()
        if deadline is not None and self._idle_timer is None:
            self._idle_timer = deadline
            context.timer_service().register_processing_time_timer(deadline)


def _descriptor(name: StateName) -> MapStateDescriptor:
    # PICKLED: PyFlink fails on an unset value of the plain type.
    return MapStateDescriptor(name.value, Types.STRING(), Types.PICKLED_BYTE_ARRAY())


def _subtask(context: RuntimeContext) -> tuple[int, int]:
    """Index of the subtask and parallelism; PyFlink's own accessors call methods that Flink 2 has removed."""
    info = context._runtime_context.getTaskInfo()
    return int(info.getIndexOfThisSubtask()), int(info.getNumberOfParallelSubtasks())


def _tune_garbage_collector() -> None:
    """Run the cyclic garbage collector rarely: stages make no cycles, and a full collection visits every profile.

    With the defaults it takes 5 to 8 % of a drain, in pauses that grow with the number of cached profiles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


def _control_columns(records: Sequence[tuple[str, bytes]]) -> tuple[list[bytes], list[bytes]]:
    return [kind.encode() for kind, _ in records], [value for _, value in records]


def _metric_columns(closed: Sequence[MinuteTotals]) -> tuple[list[bytes], list[bytes]]:
    return [counted.merchant_id.encode() for counted in closed], [metrics_record(counted) for counted in closed]


def _row(*columns: Sequence[Any], first: tuple[Any, ...] = ()) -> Iterator[Row]:
    """A row of columns, behind ``first``; none if all columns are empty."""
    if any(columns):
        yield Row(*first, *columns)


def _message_columns(messages: Sequence[SubtaskMessage], keys: Mapping[int, int]) -> tuple[list[Any], ...]:
    """Columns of Flink keys, of messages and of their numbers of payments."""
    return (
        [keys[each.subtask] for each in messages],
        [each.message for each in messages],
        [each.payments for each in messages],
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
