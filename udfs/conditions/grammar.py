"""Parse the condition language to a syntax tree.

The language has comparisons, membership (``in``), arithmetic, ``and``, ``or``, ``not``, a few functions, numbers, texts
in quotes, the names of the vocabulary, values of metadata (``metadata.campaign``), and in patterns the names of earlier
steps (``login.country``). Python's parser reads the text, but nothing is ever executed: any syntax that
``udfs.conditions.tree_builder`` does not list is an error with line and column.
"""

from __future__ import annotations

import ast

from udfs.conditions.condition_text import MAX_CHARACTERS, ConditionError, error_at, error_at_node, split_lines
from udfs.conditions.tree import Predicate
from udfs.conditions.tree_builder import NodeError, TreeBuilder
from udfs.conditions.vocabulary import Vocabulary


def parse_condition(text: str, vocabulary: Vocabulary) -> Predicate:
    """Parse a condition.

    Args:
        text: at most ``MAX_CHARACTERS`` long and nested at most ``MAX_DEPTH`` deep.
        vocabulary: names that the condition may use.

    Raises:
        ConditionError: the text is no valid condition; gives line and column.

    >>> parse_condition("amount > 500", Vocabulary(numbers=["amount"]))
    Comparison(operator='>', left=Name(name='amount'), right=Number(value=500.0))
    >>> login = Vocabulary(numbers=["amount"], texts=["country"], steps={"login": ["country"]})
    >>> parse_condition("country != login.country", login)
    Comparison(operator='!=', left=Name(name='country'), right=Reference(step='login', name='country'))
    >>> parse_condition("amuont > 500", Vocabulary(numbers=["amount"]))
    Traceback (most recent call last):
        ...
    udfs.conditions.condition_text.ConditionError: line 1, column 1: unknown name 'amuont'; do you mean 'amount'?
    """
    if len(text) > MAX_CHARACTERS:
        raise ConditionError(f"a condition has at most {MAX_CHARACTERS} characters, this one {len(text)}")
    lines = split_lines(text)
    try:
        # The brackets let a condition span several lines.
        tree = ast.parse(f"({text}\n)", mode="eval")
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        if line > len(lines):  # the error is at the closing bracket added above
            raise ConditionError("unexpected end of the condition", len(lines), len(lines[-1]) + 1) from None
        # Python suggests a tuple, which conditions do not have.
        raise error_at(line, column - 1, error.msg.removesuffix(". Perhaps you forgot a comma?")) from None
    except (ValueError, MemoryError, RecursionError):
        raise ConditionError("the condition cannot be parsed") from None
    try:
        return TreeBuilder(vocabulary).predicate(tree.body, 0)
    except NodeError as error:
        raise error_at_node(error.node, lines, error.message) from None
