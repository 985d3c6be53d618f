"""A small or hostile document of rules or patterns costs little: it is refused before its content is expanded."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.conditions import MAX_TOKENS
from udfs.control.record import MAX_RECORD_BYTES, Control, decode_control
from udfs.features.catalogue import FEATURE_NAMES
from udfs.records.refusal import Refusal
from udfs.rule_documents import MAX_PROBLEMS
from udfs.rules import RuleError, load_rules
from udfs.rules.loading import MAX_RULES
from udfs.strict_yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, MalformedYamlError, read_yaml

IN_MILLISECONDS_S = 0.25
"""Processor time for a document that must be refused before it is expanded; it needs a hundredth of that."""
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES_THAT_SEND = ("reference/control.md",)
BOUND_S = 5.0
"""Processor time of the most expensive documents on a busy machine; most need some tenths of a second."""
MAX_DETAIL = 40_000


def refused(kind: str, body: Any, within_s: float = BOUND_S) -> str:
    """Send a body in a control record; returns why it is refused."""
    return refused_record(kind, json.dumps({"kind": kind, "version": 1, "body": body}).encode(), within_s)


def refused_record(kind: str, record: bytes, within_s: float = BOUND_S) -> str:
    begin = time.thread_time()
    control = decode_control(record, kind.encode(), FEATURE_NAMES)
    assert time.thread_time() - begin < within_s
    assert isinstance(control, Refusal)
    assert len(control.detail) < MAX_DETAIL
    return control.detail


def rules_of(*lines: str) -> str:
    return "version: 1\nrules:\n" + "\n".join(lines)


def merge_bomb(levels: int, width: int = 2) -> str:
    """Mappings that merge the mapping before them ``width`` times."""
    merges = "".join(f"a{n}: &m{n}\n  <<: [{', '.join([f'*m{n - 1}'] * width)}]\n" for n in range(1, levels + 1))
    return f"start: &m0 {{a: b}}\n{merges}version: 9\nrules: []\n"


def alias_bomb(levels: int, width: int = 2) -> str:
    """Lists of aliases of the list before them."""
    lists = "".join(f"a{n}: &m{n} [{', '.join([f'*m{n - 1}'] * width)}]\n" for n in range(1, levels + 1))
    return f"start: &m0 [a]\n{lists}version: 9\nrules: []\n"


@pytest.mark.parametrize("bomb", [merge_bomb, alias_bomb])
@pytest.mark.parametrize(("levels", "width"), [(22, 2), (64, 2), (2_000, 2), (10, 10), (3, 1_000)])
def test_a_bomb_is_refused_before_it_is_expanded(bomb: Callable[[int, int], str], levels: int, width: int) -> None:
    assert "with aliases written out" in refused("rules", bomb(levels, width), IN_MILLISECONDS_S)


@given(st.integers(1, 200), st.integers(1, 12), st.booleans())
@settings(deadline=None, max_examples=50)
def test_aliases_count_as_if_they_were_written_out(levels: int, width: int, merged: bool) -> None:
    text = (merge_bomb if merged else alias_bomb)(levels, width)
    # a value of level n has the nodes of `width` values of level n - 1, and of the list, or mapping, key and list
    size, total = (3, 7) if merged else (2, 7)
    for _ in range(levels):
        size = width * size + (3 if merged else 1)
        total += 1 + size
    total += 1  # `rules` and its list, `version` and its value, the document, the key `start`
    begin = time.thread_time()
    try:
        read_yaml(text)
    except MalformedYamlError as error:
        assert "with aliases written out" in str(error)
        assert total > MAX_NODES
    else:
        assert total <= MAX_NODES + 3
    assert time.thread_time() - begin < BOUND_S


def test_an_alias_cannot_stand_inside_its_own_value() -> None:
    assert refused("rules", "version: 1\nrules: &r [*r]") == "line 2: an alias inside the value it stands for"


def test_one_condition_that_thousands_of_rules_share_by_an_alias_counts_each_time() -> None:
    rules = [f"- {{id: r{n}, reason: R, add: 0.1, when: *w}}" for n in range(4_000)]
    first = f"- {{id: r, reason: R, add: 0.1, when: &w '{'1<' * 990}1'}}"
    assert "characters, with aliases written out" in refused("rules", rules_of(first, *rules), 1)


@given(
    st.lists(st.sampled_from(["[", "{a: ", "- ", "? ", "{<<: ", "[{", "!!set {"]), min_size=40, max_size=4_000),
    st.text(max_size=5),
)
@settings(deadline=None, max_examples=50)
def test_deep_nesting_is_refused(opened: list[str], end: str) -> None:
    refused("rules", "version: 1\nrules: " + "".join(opened) + end, 1)


def test_nesting_has_the_same_limit_in_json() -> None:
    body: Any = {"version": 1, "rules": []}
    for _ in range(MAX_DEPTH):
        body = {"version": 1, "rules": [body]}
    assert "levels deep" in refused("rules", body)
    assert "levels deep" in refused("patterns", [body])


@given(st.sampled_from(["1:59", ":59", "9", "_", "0", ".", "-", "e", "x", "T", "!", "~", "y"]), st.integers(0, 1_000))
@settings(deadline=None, max_examples=50)
def test_a_long_scalar_costs_no_more_than_its_length(part: str, thousands: int) -> None:
    for tag in ("", "!!int ", "!!float ", "!!timestamp ", "!!binary ", "!!bool "):
        refused("rules", f"version: {tag}1{part * thousands * 100}\nrules: []\nextra: 1")


@pytest.mark.parametrize("value", ["1" + ":59" * 200 + ".5", "!!float 1" + ":59" * 200, "!!int 1" + ":59" * 50_000])
def test_a_number_of_base_60_is_refused_when_it_is_long(value: str) -> None:
    """A long float of base 60 is an ``OverflowError`` in PyYAML, which would stop the job."""
    assert "has at most 64 characters" in refused("rules", f"version: {value}\nrules: []", IN_MILLISECONDS_S)


@given(st.floats() | st.integers() | st.from_regex(r"\A[-+0-9_:.eExob]{1,64}\Z"), st.sampled_from(["", "int", "float"]))
@settings(deadline=None)
def test_any_number_is_read_or_refused(number: object, tag: str) -> None:
    try:
        read_yaml(f"{f'!!{tag} ' if tag else ''}{number}")
    except MalformedYamlError as error:
        assert len(str(error)) < MAX_DETAIL


def test_keys_that_collide_in_a_dict_are_refused() -> None:
    """Python hashes integers modulo 2^61 - 1: 50,000 such keys would take a minute."""
    keys = ", ".join(f"{1 + n * (2**61 - 1)}: 1" for n in range(45_000))
    assert "is no text; put it in quotes" in refused("rules", f"version: 1\nrules: [{{{keys}}}]")


@pytest.mark.parametrize("number", [MAX_NODES, 1_000_000])
def test_many_keys_and_values_are_refused(number: int) -> None:
    assert "keys and values" in refused("rules", f"version: 1\nrules: [{'a,' * number}]")
    keys = ", ".join(f"k{n}: " for n in range(min(number, 150_000)))
    assert "keys and values" in refused("rules", f"version: 1\nrules: [{{{keys}}}]")
    assert "keys and values" in refused("rules", {"version": 1, "rules": [[0] * number]})


def test_directives_of_tags_are_refused() -> None:
    """Libyaml compares each one with all others."""
    directives = "".join(f"%TAG !{n:x}! x\n" for n in range(60_000))
    assert refused("rules", f"{directives}---\nversion: 1\nrules: []", 1) == "line 1: %TAG is not supported"
    later = "version: 1\r\nrules: []\r\n...\r\n%TAG !a! x\r\n---\r\n{}"
    assert refused("rules", later) == "line 4: %TAG is not supported"
    assert load_rules("%YAML 1.1\n---\nversion: 1\nrules: []", FEATURE_NAMES).version == 1


def test_a_record_has_a_maximum_size() -> None:
    record = b'{"kind":"rules","version":1,"body":"' + b"x" * MAX_RECORD_BYTES + b'"}'
    assert f"at most {MAX_RECORD_BYTES} bytes" in refused_record("rules", record, IN_MILLISECONDS_S)


def test_a_body_of_the_maximum_length_fits_in_any_script() -> None:
    body = f"version: 1\nrules: []\n# {'🦊' * (MAX_CHARACTERS - 30)}"
    record = json.dumps({"kind": "rules", "version": 1, "body": body}, ensure_ascii=False).encode()
    assert isinstance(decode_control(record, b"rules", FEATURE_NAMES), Control)


@pytest.mark.parametrize("kind", ["rules", "thresholds"])
def test_millions_of_small_values_are_refused(kind: str) -> None:
    record = f'{{"kind":"{kind}","version":1,"body":{{"version":1,"rules":[{"[]," * 2_600_000}[]]}}}}'
    refused_record(kind, record.encode())


def test_the_conditions_of_a_set_are_limited_together() -> None:
    """Each payment is evaluated by all of them."""
    rules = [f"- {{id: r{n}, reason: R, add: 0.1, when: '{'1<' * 990}1'}}" for n in range(1_000)]
    assert refused("rules", rules_of(*rules)).endswith(f"at most {MAX_TOKENS} words and signs in all")


def test_the_conditions_of_patterns_are_limited_together() -> None:
    steps = ", ".join(f"{{name: s{n}, where: '{'1<' * 300}1'}}" for n in range(12))
    rest = "entity: user, within: 1 h, score: 0.5, reason: P, severity: low"
    patterns = "".join(f"- {{id: p{n}, {rest}, steps: [{steps}]}}\n" for n in range(200))
    assert refused("patterns", f"version: 1\npatterns:\n{patterns}").endswith("words and signs in all")


def test_only_the_first_problems_are_listed() -> None:
    """Looking for the name that was meant takes milliseconds for each problem."""
    rules = [f"- {{id: r{n}, reason: R, add: 0.1, when: user_cuont_{n} > 1}}" for n in range(MAX_RULES)]
    with pytest.raises(RuleError) as caught:
        load_rules(rules_of(*rules), FEATURE_NAMES)
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert caught.value.problems[-1].startswith(f"only the first {MAX_PROBLEMS} problems are listed")


@pytest.mark.parametrize("long", ["[*{}]", "[!!python/name:{} x]", "[{{id: r, reason: R, when: '{} > 1'}}]"])
def test_a_problem_quotes_little_of_a_long_text(long: str) -> None:
    assert len(refused("rules", f"version: 1\nrules: {long.format('a' * 1_000_000)}", 1)) < 600


def test_a_key_of_an_object_given_twice_is_refused() -> None:
    """A decoder would take one of the two silently."""
    rule = b'{"id":"a","reason":"A","when":"1<2","add":1,"add":0.1}'
    inside = b'{"kind":"rules","version":1,"body":{"version":1,"rules":[%b]}}' % rule
    assert refused_record("rules", inside) == "duplicate key 'add'"
    outside = b'{"kind":"rules","version":1,"version":2,"body":{"version":1,"rules":[]}}'
    assert refused_record("rules", outside) == "duplicate key 'version'"
    deep = b'{"kind":"rules","version":1,"body":' + b"[" * 900 + b"]" * 900 + b',"body":{"version":1,"rules":[]}}'
    assert refused_record("rules", deep)


def largest_set() -> str:
    """5,000 rules with all keys that a rule may have."""
    return rules_of(
        *(
            f"""  - id: limit_{n}
    version: 3
    reason: RULE_LIMIT_{n}
    when: amount > {n} and user_transaction_count_5m > 5 and user_amount_sum_24h > {n} and not card_present == 1
    add: 0.1
    at_least: null
    action: null
    mode: active
    description: a limit that one of many clients wants"""
            for n in range(MAX_RULES)
        )
    )


def test_the_largest_set_is_accepted_with_all_keys_and_in_both_forms() -> None:
    text = largest_set()
    as_text = json.dumps({"kind": "rules", "version": 1, "body": text}).encode()
    as_object = json.dumps({"kind": "rules", "version": 1, "body": read_yaml(text)[1]}).encode()
    for record in (as_text, as_object):
        begin = time.thread_time()
        control = decode_control(record, b"rules", FEATURE_NAMES)
        assert time.thread_time() - begin < BOUND_S
        assert isinstance(control, Control)


@pytest.mark.parametrize("page", PAGES_THAT_SEND)
def test_the_largest_set_can_be_sent_as_the_documentation_says(page: str) -> None:
    (config,) = re.findall(r"Producer\((\{.*\})\)", (DOCS / page).read_text())
    producer = Producer(eval(config) | {"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    record = json.dumps({"kind": "rules", "version": 1, "body": largest_set()})
    assert 1_000_000 < len(record) <= MAX_RECORD_BYTES
    producer.produce("control", key="rules", value=record)
    producer.produce("control", key="rules", value="x" * MAX_RECORD_BYTES)
    producer.purge()


def test_thousands_of_rules_may_share_keys_by_a_merge() -> None:
    rules = [f"- {{<<: *base, id: r{n}, when: amount > {n}}}" for n in range(4_000)]
    base = "- &base {id: base, when: amount > 1, reason: R, add: 0.1, description: shared}"
    assert len(load_rules(rules_of(base, *rules), FEATURE_NAMES).all) == 4_001
