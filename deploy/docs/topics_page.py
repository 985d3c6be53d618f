"""The reference of topics: fields, types and required marks from the record structs; meanings from the texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from msgspec import inspect

from deploy.clients.dead_letters import DETAIL, REASON, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC
from deploy.docs.markdown import anchor, code, codes, table
from deploy.docs.words import texts, words
from udfs.control.log import LogRecord
from udfs.decision import Alert, Decision
from udfs.lists.record import ListRecord
from udfs.names import Topic
from udfs.records.account_event import AccountEvent, AccountEventKind
from udfs.records.label import Label
from udfs.records.readable import DERIVED
from udfs.records.times import AsRead
from udfs.records.transaction import Transaction
from udfs.stages.open_windows import MinuteMetrics

INPUTS = {
    Topic.TRANSACTIONS: Transaction[AsRead],
    Topic.ACCOUNT_EVENTS: AccountEvent[AsRead],
    Topic.LABELS: Label[AsRead],
    Topic.LISTS: ListRecord,
}
OUTPUTS = {
    Topic.DECISIONS: Decision,
    Topic.ALERTS: Alert,
    Topic.METRICS: MinuteMetrics,
    Topic.CONTROL_LOG: LogRecord,
}
DEAD_LETTER_HEADERS = (REASON, DETAIL, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET)
_NULLABLE = {(Topic.METRICS, "merchant_id")}
"""Fields that are null in some records, though their struct writes the others only."""
_TYPES = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.EnumType: "string",
    inspect.DictType: "object",
    inspect.StructType: "object",
    inspect.RawType: "object",
}


class Field(NamedTuple):
    """One field of a record; the name of a nested field has a dot."""

    name: str
    type: inspect.Type
    required: bool


def fields(struct: Any) -> list[Field]:  # noqa: ANN401 - a struct, or a generic one with its argument
    """Every field of a record, nested ones after the object that holds them."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return list(_fields(info, ""))


def _fields(struct: inspect.StructType, prefix: str) -> Iterator[Field]:
    for field in struct.fields:
        if field.encode_name in DERIVED and struct.cls not in (Decision, Alert):
            continue  # made by the decoder; a record cannot set it
        yield Field(prefix + field.encode_name, field.type, field.required)
        for kind in _alternatives(field.type):
            if isinstance(kind, inspect.StructType):
                yield from _fields(kind, f"{prefix}{field.encode_name}.")


def shown_type(kind: inspect.Type) -> str:
    """The JSON type; null is left out, since a field that may be null may as well be absent."""
    # Sorted: Python remembers ``int | str`` in the order in which any module wrote it first.
    return " or ".join(sorted(_shown(each) for each in _alternatives(kind)))


def _shown(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        return "string"
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return f"array of {shown_type(kind.item_type)}s"
    return _TYPES[type(kind)]


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [each for each in kinds if not isinstance(each, inspect.NoneType)]


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    kinds = texts("topics", "kinds", get_args(AccountEventKind))
    headers = texts("topics", "headers", DEAD_LETTER_HEADERS)
    return {
        "topics": _topics(),
        **{f"{topic.name.lower()}_fields": _input(topic) for topic in INPUTS},
        **{f"{topic.name.lower()}_fields": _output(topic) for topic in OUTPUTS},
        "kinds": table(("Kind", "Event"), ((code(kind), text) for kind, text in kinds.items())),
        "headers": table(("Header", "Meaning"), ((code(name), text) for name, text in headers.items())),
    }


def _topics() -> str:
    described: dict[str, dict[str, str]] = words("topics")["topics"]
    texts("topics", "topics", (topic.value for topic in Topic))  # no topic is missing, and none is unknown
    rows = (
        (f"[{code(topic)}](#{anchor(topic)})", code_key(described[topic]["key"]), *_holds(described[topic]))
        for topic in Topic
    )
    return table(("Topic", "Key", "Holds", "Delivery"), rows)


def code_key(key: str) -> str:
    """A field's name as code; words as they are."""
    return code(key) if key.isidentifier() else key


def _holds(described: dict[str, str]) -> tuple[str, str]:
    return described["holds"], described["delivery"]


def _input(topic: Topic) -> str:
    every = fields(INPUTS[topic])
    meanings = texts("topics", topic, (field.name for field in every))
    rows = (
        (code(each.name), shown_type(each.type), "yes" if each.required else "", _meaning(each, meanings))
        for each in every
    )
    return table(("Field", "Type", "Required", "Meaning"), rows)


def _output(topic: Topic) -> str:
    """The fields of an output; of an alert those that it adds to a decision."""
    known = {field.name for field in fields(Decision)} if topic is Topic.ALERTS else set()
    every = [field for field in fields(OUTPUTS[topic]) if field.name not in known]
    meanings = texts("topics", topic, (field.name for field in every))
    rows = (
        (
            code(each.name),
            shown_type(each.type) + (" or null" if (topic, each.name) in _NULLABLE else ""),
            _meaning(each, meanings),
        )
        for each in every
    )
    return table(("Field", "Type", "Meaning"), rows)


def _meaning(field: Field, meanings: dict[str, str]) -> str:
    values = [
        value for kind in _alternatives(field.type) if isinstance(kind, inspect.LiteralType) for value in kind.values
    ]
    return meanings[field.name].replace("{values}", codes(values))
