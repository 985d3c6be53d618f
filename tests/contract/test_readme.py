"""README says what is: its tables, figures and examples are held to the code."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from pydantic import BaseModel

from deploy.cli import app
from deploy.clients.dead_letters import DETAIL, REASON, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC
from flink_jobs.settings import Settings
from tests.contract.test_imports import MAY_IMPORT, ROOMS
from udfs.control import ControlKind
from udfs.decision import Alert, Decision
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES
from udfs.names import Refused, Topic
from udfs.patterns import default_patterns
from udfs.records.account_event import KINDS, AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction
from udfs.rules import default_rules
from udfs.stages.minute_totals import MINUTE_COLUMNS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
NOW_MS = 1_798_761_600_000  # 2027-01-01, after all examples


@cache
def sections() -> dict[str, str]:
    """The text under each heading, up to the next one; a line of code is no heading."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    in_code = False
    for line in README.splitlines():
        in_code ^= line.startswith("```")
        if line.startswith("#") and not in_code:
            lines = found[line] = []
        else:
            lines.append(line)
    return {heading: "\n".join(text) for heading, text in found.items()}


def rows(heading: str) -> list[list[str]]:
    """Cells of every table row under a heading, heads and rules of tables left out."""
    lines = sections()[heading].splitlines()
    heads = {number for number, line in enumerate(lines[1:]) if re.fullmatch(r"\|(-+\|)+", line)}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if line.startswith("|") and number not in heads and number - 1 not in heads
    ]


def table(heading: str, first: str) -> list[list[str]]:
    """Cells of the rows of that table under a heading whose first column has this head."""
    found: list[list[str]] = []
    wanted = False
    for line in sections()[heading].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        wanted = line.startswith("|") and (wanted or cells[0] == first)
        if wanted:
            found.append(cells)
    assert found, f"no table of {first!r} under {heading!r}"
    return found[2:]


def quoted(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def firsts(heading: str) -> list[str]:
    """What the first cells of the tables name, in order."""
    return [name for row in rows(heading) for name in quoted(row[0])]


def examples(heading: str) -> list[dict[str, Any]]:
    """The JSON records shown under a heading."""
    blocks = re.findall(r"^```json\n(.*?)^```", sections()[heading], re.MULTILINE | re.DOTALL)
    assert blocks, f"no example under {heading!r}"
    return [msgspec.json.decode(block, type=dict[str, Any]) for block in blocks]


def fields(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


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


def test_the_settings_table_lists_every_setting_with_its_default() -> None:
    wanted = [f"| `{name}` | {as_shown(default)} |" for name, default in settings()]
    table = [f"| {row[0]} | {row[1]} |" for row in rows("## Settings")]
    assert table == wanted
    assert all(row[2] for row in rows("## Settings"))


def test_the_table_of_dead_letters_lists_every_reason_code() -> None:
    assert firsts("### Refused records") == [reason.value for reason in Refused]


def test_the_topics_table_lists_every_topic_and_each_has_its_section() -> None:
    assert firsts("## Topics") == [topic.value for topic in Topic]
    described = {heading.strip("#` ").lower() for heading in sections()}
    assert [topic.value for topic in Topic if topic.value not in described] == []


def test_the_commands_table_lists_every_command() -> None:
    assert sorted(firsts("## The command line")) == sorted(commands())


def test_the_house_table_is_the_one_that_imports_are_held_to() -> None:
    table = {quoted(row[0])[0].rstrip("/"): row[2] for row in rows("## The house")}
    assert table.pop("tests") == "everything"
    assert list(table) == [room for room in ROOMS if room != "tests"]
    assert {room: set(quoted(allowed)) for room, allowed in table.items()} == MAY_IMPORT


def test_the_number_of_features_and_of_each_group_is_right() -> None:
    assert f"{len(CATALOGUE)} features" in README.replace("\n", " ")
    groups = [int(row[1]) for row in table("## Features, rules, patterns, models", "group")]
    assert sum(groups) == len(CATALOGUE)


def test_the_rules_table_lists_every_ready_rule_with_what_it_adds() -> None:
    rules = [row[:2] for row in table("## Features, rules, patterns, models", "rule")]
    assert rules == [
        [f"`{rule.id}`", f"+{rule.add:g}" if rule.add else f"at least {rule.at_least:g}"]
        for rule in default_rules(FEATURE_NAMES).all
    ]


def test_the_patterns_table_lists_every_pattern() -> None:
    patterns = [row[:3] for row in table("## Features, rules, patterns, models", "pattern")]
    assert patterns == [[f"`{each.id}`", f"`{each.reason}`", f"{each.score:g}"] for each in default_patterns().all]


def test_the_control_table_lists_every_kind() -> None:
    assert firsts("## Control") == list(ControlKind.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("topic", "struct"),
    [("transactions", Transaction), ("account-events", AccountEvent), ("labels", Label), ("decisions", Decision)],
)
def test_the_table_of_a_topic_lists_every_field(topic: str, struct: type[msgspec.Struct]) -> None:
    assert sorted(firsts(f"### `{topic}`")) == sorted(fields(struct))


@pytest.mark.parametrize(
    ("topic", "struct"), [("transactions", Transaction), ("account-events", AccountEvent), ("labels", Label)]
)
def test_the_table_of_an_input_marks_the_required_fields(topic: str, struct: type[msgspec.Struct]) -> None:
    marked = {name for row in rows(f"### `{topic}`") if row[2] == "yes" for name in quoted(row[0])}
    assert marked == {field.encode_name for field in msgspec.structs.fields(struct) if field.required}


def test_the_kinds_of_account_events_are_all_there() -> None:
    (kinds,) = [row[3] for row in rows("### `account-events`") if row[0] == "`kind`"]
    assert set(quoted(kinds)) == KINDS


def test_the_table_of_alerts_lists_what_an_alert_adds() -> None:
    assert firsts("### `alerts`") == [name for name in fields(Alert) if name not in fields(Decision)]


def test_the_headers_of_dead_letters_are_all_there() -> None:
    headers = [REASON, DETAIL, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET]
    assert firsts("### `dead-letters`") == headers
    assert re.findall(r"^([\w.]+)=", sections()["### `dead-letters`"], re.MULTILINE) == headers


def test_the_table_of_metrics_lists_what_is_counted() -> None:
    wanted = {"window_start", "window_end", "merchant_id", "alert_rate", *MINUTE_COLUMNS}
    assert set(firsts("### `metrics`")) == wanted
    assert [set(example) for example in examples("### `metrics`")] == [wanted]


def test_the_examples_of_the_inputs_are_accepted() -> None:
    decoders: dict[str, Any] = {
        "transactions": decode_transaction,
        "account-events": decode_account_event,
        "labels": decode_label,
    }
    for topic, decode in decoders.items():
        for example in examples(f"### `{topic}`"):
            read = decode(msgspec.json.encode(example), example["user_id"].encode(), NOW_MS, Limits())
            assert not isinstance(read, Refusal), f"{topic}: {read}"


def test_the_example_of_a_decision_has_the_fields_of_one_and_fits_the_transaction() -> None:
    (decision,), (transaction,) = examples("### `decisions`"), examples("### `transactions`")
    assert list(decision) == fields(Decision)
    msgspec.convert(decision, Decision)
    for name in ("transaction_id", "user_id", "merchant_id"):
        assert decision[name] == transaction[name]


def test_the_example_of_an_alert_has_what_an_alert_adds() -> None:
    (added,), (decision,) = examples("### `alerts`"), examples("### `decisions`")
    alert = msgspec.convert({**decision, **added, "transaction": msgspec.Raw(b"{}")}, Alert)
    assert [*fields(Decision), *added] == fields(Alert)
    assert alert.pattern_transactions[-1] == added["transaction"]["transaction_id"]


def test_every_link_inside_the_file_leads_to_a_heading() -> None:
    headings = [heading.lstrip("# ").lower() for heading in sections()]
    anchors = [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings]
    assert len(set(anchors)) == len(anchors)
    links = re.findall(r"\]\(#([^)]+)\)", README)
    assert links
    assert [link for link in links if link not in anchors] == []


def test_every_file_and_folder_that_is_named_exists() -> None:
    tops = "|".join((*ROOMS, r"\.ci"))
    named = set(re.findall(rf"`((?:{tops})/[\w./-]*)`", README)) | {"deploy/demo", "deploy/test", "docker-compose.yml"}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_measured_figure_names_the_command_that_gives_it() -> None:
    measured = sections()["## Measured"]
    rows = [row.split("|") for row in measured.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 4
    assert all("`sentinel " in row[2] or "`deploy/" in row[2] for row in rows)


def test_another_cluster_is_told_every_package_that_the_job_imports() -> None:
    rooms = ("flink_jobs", "udfs", "state", "models")
    imported = {
        name.partition(".")[0]
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if file.name not in ("train.py", "training.py", "calibration.py", "metrics.py", "table.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    packages = {"pyflink": "apache-flink", "yaml": "pyyaml", "pydantic_settings": "pydantic-settings"}
    third = imported - set(sys.stdlib_module_names) - set(rooms)
    (row,) = (row for row in table("## Another cluster", "where") if row[0] == "every TaskManager")
    # What pydantic-settings, apache-flink and typing bring along need not be named.
    brought = {"pydantic", "typing_extensions", "py4j", "pemja"}
    assert sorted({packages.get(name, name) for name in third} - brought - set(quoted(row[1]))) == []
