"""The reference agrees with the code: its tables and examples are compared with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from pydantic import BaseModel

from deploy.cli import app
from deploy.clients.dead_letters import DETAIL, REASON, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC
from deploy.docs.control_page import control_kinds
from deploy.docs.pages import CONTEXTS, differences
from flink_jobs.settings import Settings
from tests.documents import (
    REFERENCE,
    ROOT,
    Rows,
    code_blocks,
    examples,
    first_names,
    quoted,
    sections,
    table,
    tables,
)
from udfs import names
from udfs.decision import Alert, Decision
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES
from udfs.names import Refused, Topic
from udfs.patterns import default_patterns, load_patterns
from udfs.records.account_event import KINDS, AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.readable import DERIVED
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction
from udfs.rules import default_rules, load_rules
from udfs.stages.minute_totals import MINUTE_COLUMNS

NOW_MS = 1_798_761_600_000  # 2027-01-01, after all examples
CLI, CONTROL, FEATURES, METRICS, PATTERNS, REASONS, RULES, SETTINGS, STORED, TOPICS = (
    REFERENCE / f"{name}.md"
    for name in (
        "cli",
        "control",
        "features",
        "metrics",
        "patterns",
        "reason-codes",
        "rules",
        "settings",
        "stored-formats",
        "topics",
    )
)


def fields(struct: type[msgspec.Struct]) -> list[str]:
    names = [field.encode_name for field in msgspec.structs.fields(struct)]
    return names if issubclass(struct, Decision) else [name for name in names if name not in DERIVED]


def listed(document: Path, head: str) -> Rows:
    """The rows of all tables of a page whose first column has this head."""
    return [row for each in tables(document.read_text()) if each[0][0] == head for row in each[1:]]


def settings(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Name and default of every setting."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field.get_default(call_default_factory=True)


def as_shown(default: object) -> str:
    if default is None or default == "":
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def commands() -> Iterator[str]:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", {})
        if not below or command.invoke_without_command:
            yield f"sentinel {name}"
        yield from (f"sentinel {name} {each}" for each in below)


def test_every_generated_page_agrees_with_the_code() -> None:
    assert [str(difference) for difference in differences()] == []
    assert {page.stem for page in REFERENCE.glob("*.md")} - {"conditions"} == set(CONTEXTS)


def test_the_settings_tables_list_every_setting_with_its_default_and_variable() -> None:
    rows = listed(SETTINGS, "Setting and variable")
    shown = {quoted(row[0])[0]: (quoted(row[0])[1], row[1]) for row in rows}
    assert shown == {
        name: (f"SENTINEL_{name.replace('.', '__').upper()}", as_shown(default)) for name, default in settings()
    }
    assert all(row[3] for row in rows)


def test_the_commands_table_lists_every_command_and_each_has_its_section() -> None:
    assert sorted(first_names(listed(CLI, "Command"))) == sorted(commands())
    assert [name for name in commands() if f"## `{name}`" not in sections(CLI)] == []


def test_the_section_of_a_command_lists_its_options() -> None:
    rows = table(CLI, "## `sentinel simulate`")
    assert {"--rate", "--seconds", "--history", "--seed"} <= set(first_names(rows))


def test_every_reason_of_refused_records_is_listed() -> None:
    assert first_names(table(REASONS, "## Refused records")) == [reason.value for reason in Refused]


def test_every_reason_of_the_default_rules_and_patterns_is_listed() -> None:
    shown = {tuple(quoted(" ".join(row))) for row in listed(REASONS, "Reason") if row[1].startswith("`")}
    rules = {(rule.reason, rule.id) for rule in default_rules(FEATURE_NAMES).all}
    assert shown == rules | {(pattern.reason, pattern.id) for pattern in default_patterns().all}


def test_the_topics_table_lists_every_topic_and_each_has_its_section() -> None:
    assert first_names(listed(TOPICS, "Topic")) == [topic.value for topic in Topic]
    assert [topic.value for topic in Topic if f"## `{topic.value}`" not in sections(TOPICS)] == []


@pytest.mark.parametrize(
    ("topic", "struct"),
    [("transactions", Transaction), ("account-events", AccountEvent), ("labels", Label), ("decisions", Decision)],
)
def test_the_table_of_a_topic_lists_every_field(topic: str, struct: type[msgspec.Struct]) -> None:
    shown = first_names(table(TOPICS, f"## `{topic}`"))
    assert [name for name in shown if "." not in name] == fields(struct)
    assert {name.partition(".")[0] for name in shown} == set(fields(struct))


@pytest.mark.parametrize(
    ("topic", "struct"), [("transactions", Transaction), ("account-events", AccountEvent), ("labels", Label)]
)
def test_the_table_of_an_input_marks_the_required_fields(topic: str, struct: type[msgspec.Struct]) -> None:
    marked = {quoted(row[0])[0] for row in table(TOPICS, f"## `{topic}`") if row[2] == "yes"}
    assert marked == {field.encode_name for field in msgspec.structs.fields(struct) if field.required}


def test_the_kinds_of_account_events_are_all_there() -> None:
    assert set(first_names(table(TOPICS, "## `account-events`", 1))) == KINDS


def test_the_table_of_alerts_lists_what_an_alert_adds() -> None:
    shown = first_names(table(TOPICS, "## `alerts`"))
    assert shown == [name for name in fields(Alert) if name not in fields(Decision)]


def test_the_headers_of_dead_letters_are_all_there() -> None:
    headers = [REASON, DETAIL, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET]
    assert first_names(table(TOPICS, "## `dead-letters`")) == headers
    assert re.findall(r"^([\w.]+)=", sections(TOPICS)["## `dead-letters`"], re.MULTILINE) == headers


def test_the_table_of_metrics_lists_what_is_counted() -> None:
    wanted = {"window_start", "window_end", "merchant_id", "alert_rate", *MINUTE_COLUMNS}
    assert set(first_names(table(TOPICS, "## `metrics`"))) == wanted
    assert [set(example) for example in examples(TOPICS, "## `metrics`")] == [wanted]


def test_the_examples_of_the_inputs_are_accepted() -> None:
    decoders: dict[str, Any] = {
        "transactions": decode_transaction,
        "account-events": decode_account_event,
        "labels": decode_label,
    }
    for topic, decode in decoders.items():
        for example in examples(TOPICS, f"## `{topic}`"):
            read = decode(msgspec.json.encode(example), example["user_id"].encode(), NOW_MS, Limits())
            assert not isinstance(read, Refusal), f"{topic}: {read}"


def test_the_example_of_a_decision_has_the_fields_of_one_and_fits_the_transaction() -> None:
    (decision,), (transaction,) = examples(TOPICS, "## `decisions`"), examples(TOPICS, "## `transactions`")
    assert list(decision) == fields(Decision)
    msgspec.convert(decision, Decision)
    for name in ("transaction_id", "user_id", "merchant_id"):
        assert decision[name] == transaction[name]


def test_the_example_of_an_alert_has_what_an_alert_adds() -> None:
    (added,), (decision,) = examples(TOPICS, "## `alerts`"), examples(TOPICS, "## `decisions`")
    alert = msgspec.convert({**decision, **added, "transaction": msgspec.Raw(b"{}")}, Alert)
    assert [*fields(Decision), *added] == fields(Alert)
    assert alert.pattern_transactions[-1] == added["transaction"]["transaction_id"]


def test_every_feature_is_listed_once_in_a_group() -> None:
    assert sorted(first_names(listed(FEATURES, "Feature"))) == sorted(FEATURE_NAMES)
    groups = {row[0].partition("]")[0].lstrip("["): int(row[1]) for row in listed(FEATURES, "Subject")}
    assert groups == {name: len(table(FEATURES, f"## {name}")) for name in groups}
    assert sum(groups.values()) == len(CATALOGUE)


def test_the_rules_table_lists_every_default_rule_with_its_effect_and_condition() -> None:
    rows = listed(RULES, "Rule")
    assert [[row[0], row[1], row[3]] for row in rows] == [
        [f"`{rule.id}`", f"+{rule.add:g}" if rule.add else f"at least {rule.at_least:g}", f"`{rule.when}`"]
        for rule in default_rules(FEATURE_NAMES).all
    ]


def test_the_example_of_a_rule_is_one() -> None:
    (example,) = code_blocks(RULES.read_text(), "yaml")
    assert load_rules(example, FEATURE_NAMES).all


def test_the_patterns_table_lists_every_default_pattern() -> None:
    shown = [[quoted(row[0])[0], quoted(row[1])[0], row[2]] for row in listed(PATTERNS, "Pattern")]
    assert shown == [[each.id, each.reason, f"{each.score:g}"] for each in default_patterns().all]


def test_the_examples_of_patterns_are_patterns() -> None:
    example, *defaults = code_blocks(PATTERNS.read_text(), "yaml")
    assert load_patterns(example).all
    shown = "\n".join(["version: 1", "patterns:", *defaults])
    assert load_patterns(shown).all == default_patterns().all


def test_the_control_table_lists_every_kind() -> None:
    assert tuple(first_names(listed(CONTROL, "Kind"))) == control_kinds()


def test_the_metrics_table_lists_every_counter_that_the_job_declares() -> None:
    source = "\n".join(file.read_text() for file in (ROOT / "flink_jobs").glob("*.py"))
    declared = {name for call in re.findall(r"\.declare\(([^)]*)\)", source) for name in re.findall(r'"(\w+)"', call)}
    assert set(first_names(listed(METRICS, "Counter"))) == declared != set()


def test_every_name_that_a_savepoint_relies_on_is_listed() -> None:
    text = STORED.read_text()
    persisted = [*names.Uid, *names.StateName, *names.ShardEntry]
    assert [name.value for name in persisted if f"`{name.value}`".replace("\0", "\\0") not in text] == []
