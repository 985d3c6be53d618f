"""An invalid condition is an error with a message and a position, and nothing of it is executed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from udfs.conditions import ConditionError, compile_condition, parse_condition
from udfs.conditions.condition_text import MAX_CHARACTERS, MAX_TOKENS
from udfs.conditions.tree_builder import MAX_DEPTH
from udfs.conditions.vocabulary import FUNCTIONS, TESTS
from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules.vocabulary import rule_vocabulary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "conditions.md"
NAMES = ("amount", "user_amount_zscore", "user_merchant_new")


def error_in_a_rule(text: str) -> ConditionError:
    columns = {name: column for column, name in enumerate(FEATURE_NAMES)}
    with pytest.raises(ConditionError) as caught:
        parse_condition(text, rule_vocabulary(columns))
    return caught.value


def error_of(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, NAMES)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("amuont > 500", 1, 1, "unknown name 'amuont'; do you mean 'amount'?"),
        ("amount > 500 and zzz > 1", 1, 18, "unknown name 'zzz'"),
        ("amount > 500\n  and amount <\n    amuont", 3, 5, "unknown name 'amuont'"),
        ("amount > 500\nand amount ** 2 > 1", 2, 5, "the arithmetic operators are + - * /"),
        ("amount > 500\r\nand amount in user_amount_zscore", 2, 15, "`in` needs constants, such as ('web', 'pos')"),
        ("amount in ()", 1, 11, "`in` needs constants"),
        ("amount in (1, user_amount_zscore)", 1, 15, "only numbers and texts in quotes can follow `in`"),
        ("1 < amount in (2, 3)", 1, 1, "`in` is not chained: join comparisons by `and`"),
        ("amount in list('vip')", 1, 1, "lists can be tested in rules only"),
        ("starts_with(amount, 5)", 1, 13, "starts_with looks at the name of a text"),
        ("starts_with(amount)", 1, 1, "starts_with takes 2 arguments, not 1"),
        ("amount is 500", 1, 1, "the comparison operators are < <= > >= == !="),
        ("amount", 1, 1, "expected a comparison"),
        ("amount > 500 and user_merchant_new", 1, 18, "expected a comparison"),
        ("", 1, 1, "expected a comparison"),
        ("# amount > 500", 1, 1, "expected a comparison"),
        ("user_merchant_new == True", 1, 22, "a flag is 1 or 0, not True or False"),
        ("amount > '500'", 1, 10, "expected a number, a name or a calculation"),
        ("amount > None", 1, 10, "expected a number, a name or a calculation"),
        ("amount > 1j", 1, 10, "expected a number, a name or a calculation"),
        ("(amount > 1) > 0", 1, 2, "expected a number, a name or a calculation"),
        ("amount > 1e999", 1, 10, "the number is too large"),
        ("amount > 1" + "0" * 400, 1, 10, "the number is too large"),
        ("sqrt(amount) > 2", 1, 1, "unknown function 'sqrt'; there are abs, is_absent, log, max, min"),
        ("min(amount) > 2", 1, 1, "min takes 2 arguments, not 1"),
        ("1 < abs(amount, 2)", 1, 5, "abs takes 1 argument, not 2"),
        ("is_absent(amount) == 1", 1, 1, "is_absent is a comparison of its own, not a value"),
        ("is_absent() or amount > 1", 1, 1, "is_absent takes 1 argument, not 0"),
        ("amount >", 1, 9, "unexpected end of the condition"),
        ("amount > 1\nand", 2, 4, "unexpected end of the condition"),
        ("amount > 1) or (amount < 5", 1, 11, "unmatched closing bracket"),
        ("amount > 1 # )\n)", 2, 1, "unmatched closing bracket"),
        ("amount › 1", 1, 8, "unexpected character '›'"),
        ("amount > 1 and ａmount > 2", 1, 16, "unexpected character 'ａ'"),
        ("amount = 5", 1, 1, ""),
        ("amount > 5 amount < 2", 1, 1, "invalid syntax"),
        ("amount > (5", 1, 10, "unclosed bracket"),
        ("(amount > 5\n  and (1 < 2)", 1, 1, "unclosed bracket"),
        ("amount > 5 & 1", 1, 10, "the arithmetic operators are + - * /"),
        ("amount; amount", 1, 7, ""),
    ],
)
def test_an_error_has_a_message_and_a_position(text: str, line: int, column: int, message: str) -> None:
    error = error_of(text)
    assert message in error.message
    assert (error.line, error.column) == (line, column), error
    assert str(error) == f"line {line}, column {column}: {error.message}"


@pytest.mark.parametrize(
    "text",
    [
        "amount.real > 1",
        "amount[0] > 1",
        "amount.__class__.__mro__ > 1",
        "().__class__ > 1",
        "print(amount) > 1",
        "eval('1') > 0",
        "abs(*amount) > 1",
        "abs(x=amount) > 1",
        "min(amount, key=abs) > 1",
        "is_absent(value=amount)",
        "abs.__call__(amount) > 1",
        "(lambda: 1)() > 0",
        "(lambda: amount) > 1",
        "[amount for amount in amount] > 1",
        "{amount: 1} > 1",
        "{amount} > 1",
        "(amount := 5) > 1",
        "amount > 1 if amount > 2 else amount > 3",
        "f'{amount}' > 1",
        "'%s' % amount > 1",
        "b'x' > 1",
        "... > 1",
        "await amount > 1",
        "(yield amount) > 1",
        "amount > 1, amount > 2",
        "amount @ amount > 1",
        "amount // 1 > 1",
        "amount ** 9 ** 9 ** 9 > 1",
        "amount << 99999999 > 1",
        "~amount > 1",
        "+amount > 1",
        "not amount",
        "import os",
        "amount > 1\0",
        "amount > 1\nimport os",
        "amount > 1)\nimport os\n(1",
        "amount > 1 # \n) + (1",
        "\ud800 > 1",
    ],
)
def test_only_comparing_and_calculating_are_accepted_of_python(text: str) -> None:
    error_of(text)


def test_nothing_that_is_refused_was_executed(tmp_path: Path) -> None:
    trace = tmp_path / "was-here"
    for text in (f"open({str(trace)!r}, 'w') > 0", f"__import__('pathlib').Path({str(trace)!r}).touch() == 0"):
        error_of(text)
    assert not trace.exists()


def test_length_and_depth_are_limited() -> None:
    compile_condition(" + ".join(["amount"] * MAX_DEPTH) + " > 1", NAMES)
    assert (
        f"nest at most {MAX_DEPTH} levels deep" in error_of(" + ".join(["amount"] * (MAX_DEPTH + 1)) + " > 1").message
    )
    compile_condition("amount > 1".ljust(MAX_CHARACTERS), NAMES)
    assert f"at most {MAX_CHARACTERS} characters" in error_of("amount > 1".ljust(MAX_CHARACTERS + 1)).message


@pytest.mark.parametrize(
    "text", ["(" * 999, "(" * 999 + "amount" + ")" * 999, "-" * 1_990 + "1 > 0", "not " * 490 + "1>0"]
)
def test_endless_nesting_is_an_error_like_any_other(text: str) -> None:
    error_of(text)


def test_every_feature_can_be_named() -> None:
    for name in FEATURE_NAMES:
        compile_condition(f"{name} > 0 or is_absent({name})", FEATURE_NAMES)


# The reference


def section(title: str) -> str:
    """The text of one section of the reference."""
    return PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_reference_lists_every_function_with_its_arguments() -> None:
    calls = re.findall(r"^\| `(\w+)\(([^)]*)\)`", section("Functions"), re.MULTILINE)
    assert {name: len(arguments.split(",")) for name, arguments in calls} == {**FUNCTIONS, **TESTS}


def test_the_reference_has_the_limits() -> None:
    assert re.findall(r"\| ([\d,]+)", section("Limits")) == [
        f"{MAX_CHARACTERS:,}",
        f"{MAX_TOKENS:,}",
        f"{MAX_DEPTH}",
    ]


def test_the_reference_quotes_the_errors() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section("Errors"), re.MULTILINE)
    assert rows
    assert [error_in_a_rule(condition).message for condition, _ in rows] == [message for _, message in rows]
