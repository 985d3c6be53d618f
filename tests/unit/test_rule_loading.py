"""Rules are loaded as a whole or not at all, and every problem is reported with its line."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.rule_documents import MAX_VERSION
from udfs.rules import Mode, Rule, RuleError, RuleSet, load_rules
from udfs.rules.loading import MAX_RULES
from udfs.strict_yaml import MAX_CHARACTERS

NAMES = ("amount", "user_merchant_new")


def loaded(text: str) -> RuleSet:
    return load_rules(dedent(text), NAMES)


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(RuleError) as caught:
        loaded(text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def rule(**fields: object) -> str:
    """A set of one rule, in one line; ``None`` omits a field."""
    defaults = {"id": "high", "reason": "HIGH", "when": "amount > 500", "add": 0.4}
    entry = {name: value for name, value in {**defaults, **fields}.items() if value is not None}
    return f"version: 1\nrules:\n- {json.dumps(entry)}\n"


# Valid rules


def test_a_set_of_rules_is_a_version_and_a_list() -> None:
    rules = loaded("""\
        version: 7
        rules:
          - id: high
            reason: RULE_HIGH
            when: amount > 500
            add: 0.4
          - id: new_and_high
            reason: RULE_NEW_AND_HIGH
            description: |
              asked for by the fraud team
            version: 3
            when: >
              user_merchant_new == 1
              and amount > 1000
            action: challenge
            mode: off
        """)
    assert rules.version == 7
    assert rules.all == (
        Rule(id="high", when="amount > 500", reason="RULE_HIGH", add=0.4),
        Rule(
            id="new_and_high",
            when="user_merchant_new == 1 and amount > 1000\n",
            reason="RULE_NEW_AND_HIGH",
            version=3,
            action="challenge",
            mode=Mode.OFF,
            description="asked for by the fraud team\n",
        ),
    )


def test_no_rules_at_all_are_a_set_too() -> None:
    assert loaded("version: 1\nrules: []").all == ()


def test_json_is_read_like_yaml() -> None:
    body = {"version": 2, "rules": [{"id": "a", "reason": "A", "when": "amount > 1", "at_least": 1}]}
    assert loaded(json.dumps(body)).all == (Rule(id="a", when="amount > 1", reason="A", at_least=1.0),)


def test_rules_may_share_what_they_have_in_common() -> None:
    rules = loaded("""\
        version: 1
        rules:
          - &high {id: high, reason: HIGH, when: amount > 500, add: 0.4}
          - {<<: *high, id: higher, when: amount > 5000}
        """)
    assert [(one.id, one.when, one.add) for one in rules.all] == [
        ("high", "amount > 500", 0.4),
        ("higher", "amount > 5000", 0.4),
    ]


@pytest.mark.parametrize(
    ("effect", "weight"), [({"add": 0.4}, 0.4), ({"at_least": 0.8}, 0.8), ({"action": "block"}, 1.0)]
)
def test_an_action_has_the_highest_weight(effect: dict[str, object], weight: float) -> None:
    (one,) = loaded(rule(**{"add": None, **effect})).all
    assert one.weight == weight


# Invalid rules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: expected a mapping with `version` and a list of `rules`"),
        ("rules", "line 1: expected a mapping with `version` and a list of `rules`"),
        ("version: 1\nrules: {}", "line 1: expected a mapping with `version` and a list of `rules`"),
        ("version: 1", "line 1: expected a mapping with `version` and a list of `rules`"),
        ("rules: []", f"line 1: `version` is an integer from 1 to {MAX_VERSION}"),
        ("version: 0\nrules: []", f"line 1: `version` is an integer from 1 to {MAX_VERSION}"),
        ("version: yes\nrules: []", f"line 1: `version` is an integer from 1 to {MAX_VERSION}"),
        ("version: 1.5\nrules: []", f"line 1: `version` is an integer from 1 to {MAX_VERSION}"),
        (f"version: {MAX_VERSION + 1}\nrules: []", f"line 1: `version` is an integer from 1 to {MAX_VERSION}"),
        ("version: 1\nrules: []\nauthor: eve", "line 1: unknown key 'author'; the keys are `version` and `rules`"),
        ("version: 1\nrules: []\nrules: []", "line 3: duplicate key 'rules'"),
        ("version: 1\nrules: [}", "line 2: "),
        ("version: 1\nrules:\n\t- {}", "line 3: "),
        ("version: 1\n---\nversion: 2", "line 2: "),
        ("version: 1\nrules: [\x07]", "line 2: the character U+0007 cannot be in YAML"),
        ("# naïve: 用户 🦊\nversion: 1\nrules: [\x07]", "line 3: the character U+0007 cannot be in YAML"),
        ("# naïve\nrules: [\ud800]", "line 2: the character U+D800 cannot be in YAML"),
        ("version: 1\nrules: [!!bool perhaps]", "line 2: this is no bool"),
        ("version: 1\nrules: [!!timestamp soon]", "line 2: this is no timestamp"),
        ("version: 1\nrules: [!!int '']", "line 2: this is no int"),
        ("version: 1\nrules: [!!python/name:os.system x]", "line 2: could not determine a constructor"),
        ("version: 1\nrules: [*nowhere]", "line 2: found undefined alias"),
        ("version: 1\nrules: " + "[" * 5_000, "line 2: nested more than 32 levels deep"),
        ("version: 1\nrules: " + "{a: " * 500_000, "line 2: nested more than 32 levels deep"),
        ("version: 1\nrules:\n" + "- " * 5_000, "line 3: nested more than 32 levels deep"),
        ("version: 1\nrules:\n- 5", "line 3: rule that is no mapping: "),
        ("version: 1\nrules:\n- {1: 2}", "line 3: the key '1' is no text; put it in quotes"),
    ],
)
def test_a_document_that_is_no_set_of_rules_is_refused_with_a_line(text: str, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (rule(when=None), "line 3: rule high: Object missing required field `when`"),
        (rule(when=5), "line 3: rule high: Expected `str`, got `int` - at `$.when`"),
        (rule(add="0.5"), "line 3: rule high: Expected `float | null`, got `str` - at `$.add`"),
        (rule(severity="high"), "line 3: rule high: Object contains unknown field `severity`"),
        (rule(action="refund", add=None), "line 3: rule high: Invalid enum value 'refund' - at `$.action`"),
        (rule(id="High"), "line 3: rule 'High': an id has lower-case letters, digits and underscores, at most 64"),
        (rule(id="high\n"), "line 3: rule 'high\\n': an id has lower-case letters, digits and underscores, at most 64"),
        (rule(id=""), "line 3: rule '': an id has lower-case letters, digits and underscores, at most 64"),
        (rule(id=7), "line 3: rule without id: Expected `str`, got `int` - at `$.id`"),
        (rule(reason="because"), "line 3: rule high: a reason is a code like RULE_HIGH_AMOUNT, not 'because'"),
        (rule(reason="HIGH\n"), "line 3: rule high: a reason is a code like RULE_HIGH_AMOUNT, not 'HIGH\\n'"),
        (rule(version=0), f"line 3: rule high: a version is an integer from 1 to {MAX_VERSION}"),
        (rule(version=10**30), f"line 3: rule high: a version is an integer from 1 to {MAX_VERSION}"),
        (rule(add=0), "line 3: rule high: add is above 0 and at most 1, not 0"),
        (rule(add=1.5), "line 3: rule high: add is above 0 and at most 1, not 1.5"),
        (rule(add=-0.5), "line 3: rule high: add is above 0 and at most 1, not -0.5"),
        (rule(add=None, at_least=2), "line 3: rule high: at_least is above 0 and at most 1, not 2"),
        (rule().replace("0.4", ".nan"), "line 3: rule high: add is above 0 and at most 1, not nan"),
        (rule(add=None), "line 3: rule high: a rule has exactly one of add, at_least, action, found none"),
        (
            rule(action="block"),
            "line 3: rule high: a rule has exactly one of add, at_least, action, found add, action",
        ),
        (
            rule(when="user_device_risk > 1"),
            "line 3, column 1 of the condition: rule high: unknown name 'user_device_risk'; do you mean 'device_ip'?",
        ),
    ],
)
def test_an_invalid_rule_is_refused_with_its_line(text: str, problem: str) -> None:
    assert problems_of(text) == (problem,)


def test_all_problems_are_listed_at_once() -> None:
    assert problems_of("""\
        version: 1
        rules:
          - {id: a, reason: A, when: amuont > 500, add: 0.4}
          - {id: b, reason: b, when: amount > 500, add: 4}

          - {id: c, reason: C, when: amount > 500, add: 0.4}
          - {id: c, reason: C, when: amount >, add: 0.4}
        """) == (
        "line 3, column 1 of the condition: rule a: unknown name 'amuont'; do you mean 'amount'?",
        "line 4: rule b: a reason is a code like RULE_HIGH_AMOUNT, not 'b'",
        "line 4: rule b: add is above 0 and at most 1, not 4",
        "line 7: rule c: the rule in line 6 has the same id",
        "line 7, column 9 of the condition: rule c: unexpected end of the condition",
    )


def test_a_problem_in_a_condition_of_several_lines_is_found_in_its_own() -> None:
    (problem,) = problems_of("""\
        version: 1
        rules:
          - id: a
            reason: A
            when: |
              amount > 500
              and amuont < 1000
            add: 0.4
        """)
    assert problem.startswith("line 7, column 5 of the condition: rule a: unknown name 'amuont'")


def test_one_id_twice_is_a_problem_also_when_all_is_in_one_line() -> None:
    entry = {"id": "a", "reason": "A", "when": "amount > 1", "add": 0.5}
    (problem,) = problems_of(json.dumps({"version": 1, "rules": [entry, entry]}))
    assert problem == "line 1: rule a: the rule in line 1 has the same id"


def test_a_key_that_is_written_twice_is_a_problem() -> None:
    (problem,) = problems_of("version: 1\nrules:\n- id: a\n  reason: A\n  when: amount > 1\n  add: 0.1\n  add: 0.9\n")
    assert problem == "line 7: duplicate key 'add'"


def test_the_size_of_a_set_is_limited() -> None:
    assert problems_of("#" * (MAX_CHARACTERS + 1)) == (
        f"a document of rules has at most {MAX_CHARACTERS} characters, this one {MAX_CHARACTERS + 1}",
    )
    many = "version: 1\nrules: [" + "{}," * (MAX_RULES + 1) + "]"
    assert problems_of(many) == (f"line 1: at most {MAX_RULES} rules are allowed, found {MAX_RULES + 1}",)


def test_endless_aliases_are_not_written_out_in_the_problem() -> None:
    """Ten aliases of ten aliases and so on: small in memory, endless when written out."""
    levels = "".join(f"  l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 12))
    bomb = f"version: &l0 [1]\nrules:\n- description: x\n{levels}  id: *l11\n"
    (problem,) = problems_of(bomb)
    assert len(problem) < 300
    (problem,) = problems_of(bomb.replace("version: &l0 [1]", "x: &l0 [1]") + "version: *l11\n")
    assert len(problem) < 300


_yaml = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            [
                *(
                    "version: 1\n",
                    "rules:\n",
                    "rules: ",
                    "- id: a\n",
                    "  reason: A\n",
                    "  when: amount > 1\n",
                    "  add: 0.5\n",
                ),
                *("[", "]", "{", "}", "&a ", "*a ", "<<: ", "!!int ", "!!set ", "!!omap ", "!!binary ", "!!map ", "? "),
                *(
                    "=",
                    "~",
                    "\n",
                    "  ",
                    "- ",
                    "|\n",
                    ">\n",
                    "'",
                    '"',
                    "---\n",
                    "2026-01-01",
                    "0o7",
                    "1:30",
                    ".inf",
                    "yes",
                    "#",
                ),
            ]
        ),
        max_size=30,
    ).map("".join),
)


@given(_yaml)
def test_any_text_is_a_set_of_rules_or_a_list_of_problems(text: str) -> None:
    try:
        rules = load_rules(text, NAMES)
    except RuleError as error:
        assert all(error.problems)
    else:
        assert rules.version >= 1
