"""README, CONTRIBUTING and the pages of the site speak of things that exist."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest

from deploy.docs import site
from deploy.docs.cli_page import commands
from deploy.docs.settings_page import settings
from tests.contract.test_imports import MAY_IMPORT, ROOMS
from tests.documents import (
    CHANGELOG,
    CONTRIBUTING,
    DOCS,
    DOCUMENTS,
    PAGES,
    README,
    ROOT,
    code_blocks,
    name_of,
    quoted,
    sections,
    tables,
)
from udfs.decision import Alert
from udfs.features.catalogue import CATALOGUE, FEATURE_NAMES
from udfs.rules import load_rules

CLUSTER = DOCS / "how-to" / "operate" / "cluster.md"
PAGES_OF_TODAY = [page for page in PAGES if page.parent.name in ("docs", "concepts", "reference")]
"""Pages that show the product as it is, and not as an example leaves it."""
TUTORIALS = ("getting-started", "extend")
"""Folders of pages that name files which the reader adds."""
BENCHMARKS = [page for page in PAGES if page.parent.name == "benchmarks"]
HISTORY = {CHANGELOG, DOCS / "benchmarks" / "log.md"}
"""Documents that speak of former names and files."""
HEADS_OF_HOUSES = ("May import", "may import")
NO_SETTINGS = {"job.gather_ms", "job.regather_ms", "job.max_amount"}
"""Names that documents explain, and that are no settings: former ones, and the example of how to add one."""
OTHER_VARIABLES = {"SENTINEL_SETTINGS", "SENTINEL_"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


def flat(document: Path) -> str:
    """The text in one line."""
    return " ".join(document.read_text().split())


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


@each_document
def test_a_document_has_one_title_and_a_text(document: Path) -> None:
    titles = [heading for heading in sections(document) if heading.startswith("# ")]
    assert len(titles) == 1
    assert len(flat(document)) > 200


@pytest.mark.parametrize("document", [README, *PAGES_OF_TODAY], ids=name_of)
def test_the_number_of_features_is_right(document: Path) -> None:
    assert set(re.findall(r"\b(\d{3}) features", flat(document))) <= {str(len(CATALOGUE))}


@pytest.mark.parametrize("document", [README, CONTRIBUTING, CHANGELOG], ids=name_of)
def test_the_links_of_a_document_outside_the_site_lead_somewhere(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@each_document
def test_every_file_and_folder_that_is_named_exists(document: Path) -> None:
    if document in HISTORY or document.parent.name in TUTORIALS:
        return
    tops = "|".join((*ROOMS, "docs", r"\.ci"))
    named = set(re.findall(rf"`((?:{tops})/[\w./-]*)`", document.read_text()))
    assert [name for name in sorted(named) if not (ROOT / name).exists() and "NNNN" not in name] == []


def test_the_house_is_the_one_that_imports_are_held_to() -> None:
    houses = [each for document in DOCUMENTS for each in tables(document.read_text()) if each[0][-1] in HEADS_OF_HOUSES]
    assert houses
    for _, *rows in houses:
        allowed = {quoted(row[0])[0].rstrip("/"): row[-1] for row in rows}
        assert allowed.pop("tests") == "everything"
        assert list(allowed) == [room for room in ROOMS if room != "tests"]
        assert {room: set(quoted(text)) for room, text in allowed.items()} == MAY_IMPORT


@cache
def options() -> dict[str, set[str]]:
    """By command, all its options."""
    return {
        each.name: {option for parameter in each.parameters for option in (*parameter.opts, *parameter.secondary_opts)}
        for each in commands()
    }


def command_lines(document: Path) -> list[list[str]]:
    """The words of every line of code that runs ``sentinel``, without variables in front and comments behind."""
    text = "\n".join(code_blocks(document.read_text(), "", "bash", "sh", "console")).replace("\\\n", " ")
    lines = [re.sub(r"^(\$ )?(\w+=('[^']*'|\"[^\"]*\"|\S*) )*", "", line.strip()) for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if re.match(r"sentinel [a-z]", line)]


@each_document
def test_every_command_line_that_is_shown_exists_with_its_options(document: Path) -> None:
    wrong = []
    for words in command_lines(document):
        name = next((" ".join(words[:length]) for length in (3, 2) if " ".join(words[:length]) in options()), None)
        used = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
        if name is None or used - options()[name]:
            wrong.append(" ".join(words))
    assert wrong == []


@each_document
def test_every_setting_that_is_named_exists(document: Path) -> None:
    if document in HISTORY:
        return
    text = document.read_text()
    variables = set(re.findall(r"\bSENTINEL_[A-Z_]*", text)) - OTHER_VARIABLES
    assert variables - {setting.variable for setting in settings()} == set()
    known = {setting.name for setting in settings()} | NO_SETTINGS
    named = set(re.findall(r"`((?:kafka|flink|job|event_time|stack)\.[a-z_.]+)`", text))
    assert {name for name in named if name not in known and not any(one.startswith(name) for one in known)} == set()


def test_the_rule_of_the_readme_makes_its_alert() -> None:
    (rule,) = load_rules(code_blocks(README.read_text(), "yaml")[0], FEATURE_NAMES).all
    alert = msgspec.json.decode(code_blocks(README.read_text(), "json")[0])
    assert alert["rules"] == [rule.id]
    assert rule.reason in alert["reasons"]
    assert alert["score"] == rule.at_least
    assert list(alert) == [name for name in Alert.__struct_encode_fields__ if name in alert]


@pytest.mark.parametrize("page", BENCHMARKS, ids=name_of)
def test_a_page_of_figures_names_the_command_that_measures_them(page: Path) -> None:
    assert re.search(r"sentinel (bench|chaos|backtest|patterns try)|deploy/test|tests/", page.read_text())


def test_another_cluster_needs_every_package_that_the_job_imports() -> None:
    rooms = ("flink_jobs", "udfs", "state", "models")
    imported = {
        name.partition(".")[0]
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if file.name not in ("train.py", "trainer.py", "calibration.py", "evaluation.py", "feature_table.py")
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
    third_party = imported - set(sys.stdlib_module_names) - set(rooms)
    # Packages that pydantic-settings and apache-flink depend on need not be named.
    indirect = {"pydantic", "typing_extensions", "py4j", "pemja"}
    assert {packages.get(name, name) for name in third_party} - indirect - set(quoted(CLUSTER.read_text())) == set()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: dead links, dead anchors and pages outside the navigation fail."""
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


def test_the_site_builds_and_every_page_is_in_its_navigation(built: Path) -> None:
    home = (built / "index.html").read_text()
    top = [page for page in PAGES if page.parent == DOCS / "reference"]
    assert [page.stem for page in top if f'href="reference/{page.stem}/"' not in home] == []


def test_a_built_page_loads_nothing_from_another_machine(built: Path) -> None:
    loading = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//"""
        r"""|<link\b[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon)[^>]*\bhref=["']?(?:https?:)?//"""
        r"""|@import\s+(?:url\()?["']?(?:https?:)?//|url\(["']?(?:https?:)?//""",
    )
    files = [file for kind in ("html", "css") for file in built.rglob(f"*.{kind}")]
    assert files
    assert [file.name for file in files if loading.search(file.read_text())] == []
