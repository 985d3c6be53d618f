"""The reference of settings: names, defaults, ranges and units from the settings object, meanings from the texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deploy.docs.markdown import code, codes, table
from deploy.docs.words import texts
from flink_jobs.settings import Settings

HEAD = ("Setting and variable", "Default", "Unit and range", "Meaning")
_UNITS = {
    "_ms": "milliseconds",
    "_s": "seconds",
    "_days": "days",
    "_mb": "MiB",
    "_bytes": "bytes",
}
_BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


class Setting(NamedTuple):
    """One setting; the name has its sections in front, with dots."""

    name: str
    field: FieldInfo

    @property
    def section(self) -> str:
        """The first part of the name; empty for a setting without a section."""
        return self.name.rpartition(".")[0].partition(".")[0]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        prefix, delimiter = Settings.model_config["env_prefix"], Settings.model_config["env_nested_delimiter"]
        return f"{prefix}{self.name.replace('.', str(delimiter))}".upper()

    @property
    def default(self) -> object:
        """The value that is in force when nothing sets it."""
        return self.field.get_default(call_default_factory=True)


def settings(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Setting]:
    """Every setting, in the order of declaration."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, field)


def context() -> dict[str, Any]:
    """What the template of the page needs: one table for each section."""
    every = list(settings())
    meanings = texts("settings", "settings", (setting.name for setting in every))
    sections = list(dict.fromkeys(setting.section for setting in every))
    intros = texts("settings", "sections", (name or "none" for name in sections))
    return {
        "sections": [
            {
                "name": name,
                "intro": intros[name or "none"],
                "table": table(HEAD, (_row(each, meanings[each.name]) for each in every if each.section == name)),
            }
            for name in sorted(sections, key=lambda name: not name)
        ],
        "number": len(every),
    }


def _row(setting: Setting, meaning: str) -> tuple[str, ...]:
    name = f"{code(setting.name)}\n{code(setting.variable)}"
    return name, shown_default(setting.default), unit_and_range(setting), meaning


def shown_default(default: object) -> str:
    """A default as it is written in YAML."""
    if default is None or default == "":
        return "empty"
    return code(str(default).lower() if isinstance(default, bool) else default)


def unit_and_range(setting: Setting) -> str:
    """The unit by the ending of the name, and the values that are allowed."""
    unit = next((unit for ending, unit in _UNITS.items() if setting.name.endswith(ending)), "")
    return ", ".join(part for part in (unit, _range(setting.field)) if part)


def _range(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return codes(get_args(field.annotation))
    if field.annotation is bool:
        return codes(("true", "false"))
    parts = [
        words.format(f"{getattr(bound, name):,}")
        for name, words in _BOUNDS.items()
        for bound in field.metadata
        if getattr(bound, name, None) is not None
    ]
    return " ".join(parts)
