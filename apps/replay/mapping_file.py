"""Load mappings: files in YAML, and those that ship with the product in ``mappings/``."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import yaml

from apps.replay.mapping import METADATA, ColumnMapping, MappingError, checked_fields
from apps.replay.text_format import TextFormat
from apps.replay.values import DecimalSign, Kind, TimeUnit

_BUILT_IN = files(__package__) / "mappings"
_YAML_NULLS = ("null", "NULL", "Null")
"""Words that YAML reads as nothing, where a mapping lists words that mean nothing."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, str]
    types: dict[str, Kind] = {}
    timestamp_unit: TimeUnit | None = None
    label: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    decimal: DecimalSign | None = None
    null_words: list[str | None] = []
    time_format: str | None = None
    time_zone: str | None = None
    time_origin: datetime | None = None


def load_mapping(name: str) -> ColumnMapping:
    """Load a built-in mapping by its name, or a mapping file by its path.

    Raises:
        MappingError: there is no such mapping, or it is invalid.
    """
    built_in = _BUILT_IN / f"{name}.yaml"
    file = built_in if built_in.is_file() else Path(name)
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), _File)
    except OSError:
        known = ", ".join(built_in_mappings())
        raise MappingError(f"{name} is neither a mapping file nor a built-in mapping ({known})") from None
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MappingError(f"{name} is not a mapping: {error}") from None
    for typed in found.types:
        if not typed.startswith(METADATA):
            raise MappingError(f"the type of {typed} is fixed: only fields of metadata can be given one")
    origin = found.time_origin
    return ColumnMapping(
        checked_fields(found.fields),
        found.timestamp_unit,
        found.label,
        found.types,
        TextFormat(found.delimiter, found.quote, found.encoding),
        found.decimal,
        frozenset(word for each in found.null_words for word in ((each,) if each is not None else _YAML_NULLS)),
        found.time_format,
        checked_zone(found.time_zone),
        0 if origin is None else round(_in_utc(origin).timestamp() * 1000),
    )


def checked_zone(name: str | None) -> str | None:
    """Return the name of a time zone.

    Raises:
        MappingError: there is no such zone.
    """
    try:
        return name and ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise MappingError(f"there is no time zone {name!r}: use one such as Europe/Berlin or UTC") from None


def built_in_mappings() -> list[str]:
    """Names of the mappings that ship with the product: the files in ``mappings/``."""
    return sorted(file.name.removesuffix(".yaml") for file in _BUILT_IN.iterdir() if file.name.endswith(".yaml"))


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
