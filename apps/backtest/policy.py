"""The policies of a backtest: rules, patterns and thresholds as documents, so that every process can load them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from udfs.control.record import ThresholdsBody
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import PatternSet, load_patterns
from udfs.rule_documents import InvalidDocumentError
from udfs.rules import RuleSet, load_rules
from udfs.strict_yaml import read_yaml

CauseKind = Literal["rule", "pattern"]
SHIPPED = "shipped"
"""Names the default rules, or patterns, where a file is expected."""


class PolicyError(Exception):
    """A policy cannot be read; the message says what to change."""


@dataclass(frozen=True)
class Cause:
    """What can speak for fraud beside the model: a rule or a pattern, by its id."""

    kind: CauseKind
    id: str


@dataclass(frozen=True, kw_only=True)
class PolicyDocuments:
    """Rules, patterns and thresholds to decide by.

    Attributes:
        name: for tables and plots.
        rules: YAML text of the rules.
        patterns: YAML text of the patterns.
        thresholds: scores of actions and of an alert.
        fixed: kinds of control that recorded control does not replace, see ``apps.backtest.topics``.
        recorded: rules and patterns of recorded control, beside those of the documents.
    """

    name: str
    rules: str = field(repr=False)
    patterns: str = field(repr=False)
    thresholds: Thresholds = Thresholds()  # noqa: RUF009 - frozen
    fixed: frozenset[str] = frozenset({"rules", "patterns", "thresholds"})
    recorded: tuple[Cause, ...] = ()

    def rule_set(self, without: str | None = None) -> RuleSet:
        """Load the rules, all or all but one.

        Raises:
            RuleError: the rules are invalid.
        """
        document: Any = self.rules
        if without is not None:
            _, content = read_yaml(self.rules)
            document = {**content, "rules": [rule for rule in content["rules"] if rule.get("id") != without]}
        return load_rules(document, FEATURE_NAMES)

    def pattern_set(self) -> PatternSet:
        """Load the patterns.

        Raises:
            PatternError: the patterns are invalid.
        """
        return load_patterns(self.patterns)

    def causes(self) -> list[Cause]:
        """All rules and patterns, those that are switched off included, in the order of the documents."""
        rules = [Cause("rule", rule.id) for rule in self.rule_set().all]
        patterns = [Cause("pattern", pattern.id) for pattern in self.pattern_set().all]
        return list(dict.fromkeys((*rules, *patterns, *self.recorded)))


def read_rules(name: str) -> str:
    """Read and check a file of rules, or the default ones (``SHIPPED``).

    Raises:
        PolicyError: the file cannot be read, or has a problem; every problem is listed.
    """
    text = _read(name, "udfs.rules")
    try:
        load_rules(text, FEATURE_NAMES)
    except InvalidDocumentError as error:
        raise PolicyError("\n".join(f"{name}: {problem}" for problem in error.problems)) from None
    return text


def read_patterns(name: str) -> str:
    """Read and check a file of patterns, or the default ones (``SHIPPED``).

    Raises:
        PolicyError: as ``read_rules``.
    """
    text = _read(name, "udfs.patterns")
    try:
        load_patterns(text)
    except InvalidDocumentError as error:
        raise PolicyError("\n".join(f"{name}: {problem}" for problem in error.problems)) from None
    return text


def _read(name: str, package: str) -> str:
    try:
        return files(package).joinpath("defaults.yaml").read_text() if name == SHIPPED else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{name} cannot be read: {error}") from None


def read_thresholds(text: str, base: Thresholds) -> Thresholds:
    """Read thresholds such as ``block=0.95,challenge=0.8``; those that are not named are those of ``base``.

    Raises:
        PolicyError: a name or number is wrong, or the thresholds do not rise.
    """
    values: dict[str, object] = {name: getattr(base, name) for name in ThresholdsBody.__struct_fields__}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in values:
            raise PolicyError(f"thresholds: {part!r} names none of {', '.join(values)}: write block=0.95,challenge=0.8")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            raise PolicyError(f"thresholds: {value!r} of {name.strip()} is no number from 0 to 1") from None
    try:
        body = msgspec.convert(values, ThresholdsBody)
    except msgspec.ValidationError as error:
        raise PolicyError(f"thresholds: {error}") from None
    if not body.monitor <= body.challenge <= body.block:
        raise PolicyError("thresholds must rise: monitor <= challenge <= block")
    return Thresholds(block=body.block, challenge=body.challenge, monitor=body.monitor, alert=body.alert)


def shared_patterns(policies: Sequence[PolicyDocuments]) -> list[list[int]]:
    """Group policies that have the same patterns: their features and matches are computed once."""
    groups: dict[str, list[int]] = {}
    for number, policy in enumerate(policies):
        groups.setdefault(policy.patterns, []).append(number)
    return list(groups.values())
