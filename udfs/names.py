"""Every name that outlives a process: promises to savepoints, to consumers and to stored state.

Changing a value here is a migration. An operator uid or a state name that changes loses that operator's state at the
next restore; a reason code or a topic that changes breaks whoever reads it. Add names freely, change none.
"""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """Kafka topics, by their default names (``kafka.topics`` in the settings renames them)."""

    TRANSACTIONS = "transactions"
    ACCOUNT_EVENTS = "account-events"
    LABELS = "labels"
    CONTROL = "control"
    DECISIONS = "decisions"
    ALERTS = "alerts"
    DEAD_LETTERS = "dead-letters"
    METRICS = "metrics"


class Refused(StrEnum):
    """Why a record went to ``dead-letters``: the ``reason`` header there."""

    EMPTY = "empty"
    OVERSIZED = "oversized"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_ABSURD = "amount_absurd"
    TIME_UNREADABLE = "time_unreadable"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    TIME_IN_FUTURE = "time_in_future"
    PLACE_OUT_OF_RANGE = "place_out_of_range"
    IDENTIFIER_INVALID = "identifier_invalid"
    KEY_MISMATCH = "key_mismatch"
    UNKNOWN_KIND = "unknown_kind"
    CONTROL_INVALID = "control_invalid"
    CONTROL_STALE = "control_stale"


class Uid(StrEnum):
    """Operators that hold state or read and write Kafka: savepoints find their state by these."""

    EVENTS = "events"
    CONTROL = "control"
    CONTROL_OF_USERS = "control-of-users"
    CONTROL_OF_DEVICES = "control-of-devices"
    GATHER_BY_USER = "gather-by-user"  # like those by device and merchant: a window of versions before November 2026
    USER_STAGE = "user-stage"
    GATHER_BY_DEVICE = "gather-by-device"
    DEVICE_STAGE = "device-stage"
    GATHER_BY_MERCHANT = "gather-by-merchant"
    MERCHANT_STAGE = "merchant-stage"
    METRICS_WINDOW = "metrics-window"
    DECISIONS = "decisions"
    ALERTS = "alerts"
    DEAD_LETTERS = "dead-letters"
    METRICS = "metrics"
    MERCHANT_METRICS = "merchant-metrics"
    BATCH_BY_USER = "batch-by-user"
    BATCH_BY_DEVICE = "batch-by-device"
    BATCH_BY_MERCHANT = "batch-by-merchant"


class StateName(StrEnum):
    """Keyed state of the stages: packed profiles by entity id, for each shard."""

    USER_PROFILES = "user-profiles"
    DEVICE_PROFILES = "device-profiles"
    MERCHANT_PROFILES = "merchant-profiles"


class ShardEntry(StrEnum):
    """What a shard keeps beside its profiles, in their state, so that one write takes all; no entity id begins so."""

    CLOCK = "\0clock"
    CONTROL = "\0control"
    WAITING = "\0waiting"
    MINUTES = "\0minutes"


class Kind(StrEnum):
    """First letter of a record's header inside the job: the topic it came from."""

    TRANSACTION = "t"
    ACCOUNT_EVENT = "e"
    LABEL = "l"
    CONTROL = "c"
