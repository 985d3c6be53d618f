"""Names that outlive a process: in savepoints, in stored state and in records that consumers read.

Changing a value is a migration. If an operator uid or a state name changes, the next restore loses that operator's
state; if a topic or a reason code changes, its consumers break. Adding names is safe.
"""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """Default names of the Kafka topics; ``kafka.topics`` in the settings overrides them."""

    TRANSACTIONS = "transactions"
    ACCOUNT_EVENTS = "account-events"
    LABELS = "labels"
    CONTROL = "control"
    CONTROL_LOG = "control-log"
    LISTS = "lists"
    DECISIONS = "decisions"
    ALERTS = "alerts"
    DEAD_LETTERS = "dead-letters"
    METRICS = "metrics"


class Refused(StrEnum):
    """Reasons for refusing a record: the ``reason`` header of its dead letter."""

    EMPTY = "empty"
    OVERSIZED = "oversized"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    DUPLICATE_FIELD = "duplicate_field"
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
    ID_REUSED = "id_reused"
    KEY_MISMATCH = "key_mismatch"
    UNKNOWN_KIND = "unknown_kind"
    CONTROL_INVALID = "control_invalid"
    CONTROL_STALE = "control_stale"
    CONTROL_UNAPPROVED = "control_unapproved"
    LIST_ENTRY_INVALID = "list_entry_invalid"
    LISTS_FULL = "lists_full"


class Uid(StrEnum):
    """Uids of the operators with state and of the Kafka sources and sinks, by which a savepoint maps state."""

    EVENTS = "events"
    CONTROL = "control"
    LISTS = "lists"
    BATCH_BY_USER = "batch-by-user"
    USER_STAGE = "user-stage"
    BATCH_BY_DEVICE = "batch-by-device"
    DEVICE_STAGE = "device-stage"
    BATCH_BY_MERCHANT = "batch-by-merchant"
    MERCHANT_STAGE = "merchant-stage"
    TOTALS_OF_SUBTASK = "totals-of-subtask"
    MINUTE_TOTALS = "minute-totals"
    DECISIONS = "decisions"
    ALERTS = "alerts"
    DEAD_LETTERS = "dead-letters"
    METRICS = "metrics"


class StateName(StrEnum):
    """Names of the keyed states of the stages, per shard: packed profiles by entity id, and entries of lists."""

    USER_PROFILES = "user-profiles"
    DEVICE_PROFILES = "device-profiles"
    MERCHANT_PROFILES = "merchant-profiles"
    USER_LISTS = "user-lists"
    DEVICE_LISTS = "device-lists"
    MERCHANT_LISTS = "merchant-lists"


class ShardEntry(StrEnum):
    """Keys of a shard's own entries in the keyed state of its profiles; no entity id starts with NUL."""

    CLOCK = "\0clock"
    CONTROL = "\0control"
    PENDING_MATCHES = "\0waiting"
    MINUTES = "\0minutes"
    STREAM_TIME = "\0stream-time"
    LISTS = "\0list-"


class Kind(StrEnum):
    """Kind of a record inside the job, the first byte of its envelope."""

    TRANSACTION = "t"
    ACCOUNT_EVENT = "e"
    LABEL = "l"
    CONTROL = "c"
    LIST_ENTRY = "i"


class ListName(StrEnum):
    """Names of the lists that the decision itself knows; every other list exists for rules."""

    BLOCK = "block"
    ALLOW = "allow"
    WATCH = "watch"
    SUPPRESS = "suppress"


class ListedEntity(StrEnum):
    """Kinds of entities that lists name."""

    USER = "user"
    CARD = "card"
    DEVICE = "device"
    MERCHANT = "merchant"
    COUNTRY = "country"
    NETWORK = "network"


def list_reason(name: ListName, entity: ListedEntity) -> str:
    """The reason code of a decision by a list, such as ``LIST_BLOCK_USER``."""
    return f"LIST_{name.name}_{entity.name}"
