"""Read the texts of a page that the code does not have, by the names that the code has."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import OperationError
from deploy.paths import ROOT

TEMPLATES = ROOT / "docs" / "_templates" / "reference"


@cache
def words(page: str) -> dict[str, Any]:
    """The YAML file of a page: sections of texts by name.

    Raises:
        OperationError: the file is not YAML; mostly a text with a colon that has no quotes.
    """
    try:
        content: dict[str, Any] = yaml.safe_load(_file(page).read_text())
    except yaml.YAMLError as error:
        raise OperationError(f"{_file(page).relative_to(ROOT)} is not YAML: {error}") from None
    return content


def texts(page: str, section: str, names: Iterable[str]) -> dict[str, str]:
    """One section of a page's words, in the order of the names.

    Raises:
        OperationError: a name has no text, or a text has no name.
    """
    written, needed = words(page)[section], list(names)
    missing = [name for name in needed if not written.get(name)]
    unknown = [name for name in written if name not in needed]
    if missing or unknown:
        faults = [f"{name} has no text" for name in missing] + [f"{name} is not in the code" for name in unknown]
        raise OperationError(f"{_file(page).relative_to(ROOT)}, section {section}: {'; '.join(faults)}")
    return {name: str(written[name]).strip() for name in needed}


def _file(page: str) -> Path:
    return TEMPLATES / f"{page}.yaml"
