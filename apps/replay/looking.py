"""Look at the values of a file for what its mapping leaves open: decimal sign, unit and format of times, zone.

The values looked at are spread over the whole file. What fits no single reading is asked for, and a later row that does
not fit what was found is a bad row: nothing is decided again on the way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from apps.replay.mapping import ColumnMapping, MappingError, filler, source_columns
from apps.replay.rows import RowFile
from apps.replay.values import MS_OF, DecimalSign, TimeUnit, ValueFormat, bare_number, means_nothing
from udfs.records import times

_ROWS = 4_000
_MEANT_FROM_MS, _MEANT_TO_MS = 946_684_800_000, 4_102_444_800_000  # years 2000 to 2100, as the job accepts them
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_COMMA = re.compile(
    r"[+-]?(\d+|\d{1,3}([.\s'’]\d{3})+),(\d{1,2}|\d{4,})|[+-]?\d{1,3}(\.\d{3})+,\d*|[+-]?\d+(\.\d{3}){2,}"
)
_POINT = re.compile(
    r"[+-]?(\d+|\d{1,3}([,\s'’]\d{3})+)\.(\d{1,2}|\d{4,})|[+-]?\d{1,3}(,\d{3})+\.\d*|[+-]?\d+(,\d{3}){2,}"
)
_EITHER = re.compile(r"[+-]?\d{1,3},\d{3}")
_UNITS: Sequence[TimeUnit] = ("s", "ms", "us", "ns")
_DIGITS = ("%Y%m%d%H%M%S", "%Y%m%d")
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y")
_HOURS = (" %H:%M:%S", " %H:%M:%S.%f", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "", "T%H:%M:%S", ", %H:%M:%S")
_ZONES = ("", " %z", "%z", " UTC")


@dataclass(frozen=True)
class FoundFormats:
    """What was found.

    Attributes:
        fields: format of the values of each field that is a number or a time.
        notes: one sentence for each finding that a person should know.
    """

    fields: Mapping[str, ValueFormat]
    notes: Sequence[str]


def look(file: RowFile, mapping: ColumnMapping) -> FoundFormats:
    """Find the formats of the values that a mapping reads.

    Raises:
        MappingError: the mapping does not fit the columns, or values can be read in several ways.
        FileError: the file cannot be read to its end.
    """
    sources = {
        name: source
        for name, source in mapping.sources(file.columns).items()
        if mapping.kind(name) in ("number", "time") and not source.startswith("=")
    }
    samples = _samples(file, mapping, sources)
    base = mapping.values()
    notes: list[str] = []
    numbers = [name for name in sources if mapping.kind(name) == "number"]
    fields = dict.fromkeys(sources, base)
    if mapping.decimal is None:
        fields |= _decimals({name: samples[name] for name in numbers}, sources, base, notes)
    for name, source in sources.items():
        if mapping.kind(name) == "time":
            fields[name] = _time_format(name, source, samples[name], mapping, notes)
    return FoundFormats(fields, notes)


def _samples(file: RowFile, mapping: ColumnMapping, sources: Mapping[str, str]) -> dict[str, list[Any]]:
    """Values of each source that are not empty, from rows spread over the file, in its order.

    They are those of every n-th row, which are at most ``_ROWS``, of the last one, and the first ``_ROWS`` numbers of
    each field that have a comma: a single one may decide what the comma means.
    """
    columns = {column for source in sources.values() for column in source_columns(source)}
    numbers = [(name, source) for name, source in sources.items() if mapping.kind(name) == "number"]
    commas: dict[str, list[Any]] = {name: [] for name in sources}
    sampled: list[Mapping[str, Any]] = []
    step, last = 1, None
    for row in file.rows(columns, lambda _: None):
        last = row.values
        for name, source in numbers:
            value = last.get(source)
            if type(value) is str and "," in value and len(commas[name]) < _ROWS:
                commas[name].append(value)
        if row.number % step == 0:
            sampled.append(last)
            if len(sampled) == _ROWS:
                sampled, step = sampled[1::2], step * 2
    if last is not None:
        sampled.append(last)
    values = mapping.values()
    found: dict[str, list[Any]] = {}
    for name, source in sources.items():
        fill = _plain(source) if source in columns else filler(source, values)
        seen = [*map(fill, sampled), *commas[name]]
        found[name] = [value for value in seen if value is not None and not _nothing(value, values)]
    return found


def _plain(source: str) -> Callable[[Mapping[str, Any]], Any]:
    def get(row: Mapping[str, Any]) -> object:
        value = row.get(source)
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    return get


def _nothing(value: object, values: ValueFormat) -> bool:
    return isinstance(value, str) and (value in values.null_words or means_nothing(value))


def _decimals(
    samples: Mapping[str, list[Any]], sources: Mapping[str, str], base: ValueFormat, notes: list[str]
) -> dict[str, ValueFormat]:
    texts = {
        name: [bare_number(value) for value in values if isinstance(value, str)] for name, values in samples.items()
    }
    signs = {name: _sign(values) for name, values in texts.items()}
    known = {sign for sign in signs.values() if sign is not None}
    common = next(iter(known)) if len(known) == 1 else None
    found: dict[str, ValueFormat] = {}
    for name, values in texts.items():
        sign = signs[name] or common
        if sign is None and any(_EITHER.fullmatch(value) for value in values):
            example = next(value for value in values if _EITHER.fullmatch(value))
            raise MappingError(
                f"{sources[name]}: {example!r} may have a decimal comma or thousands: say --decimal , or --decimal ."
            )
        found[name] = replace(base, decimal=sign or ".")
        if sign == ",":
            notes.append(f"{name}: decimal comma (--decimal)")
    return found


def _sign(values: Sequence[str]) -> DecimalSign | None:
    """Decimal sign that the texts show; that of the most where they disagree, so that the fewest are bad rows."""
    commas = sum(_COMMA.fullmatch(value) is not None for value in values)
    points = sum(_POINT.fullmatch(value) is not None for value in values)
    if commas == points == 0:
        return None
    return "," if commas > points else "."


def _time_format(
    name: str, source: str, values: Sequence[Any], mapping: ColumnMapping, notes: list[str]
) -> ValueFormat:
    base = mapping.values()
    texts = [value.strip() for value in values if isinstance(value, str)]
    words = [text for text in texts if _NUMBER.fullmatch(text) is None]
    digits = [text for text in texts if _NUMBER.fullmatch(text) is not None]
    typed = [value for value in values if isinstance(value, int | float | Decimal) and not isinstance(value, bool)]
    numbers = [*map(_float, typed), *map(_float, digits)]
    naive = [value for value in values if isinstance(value, date) and getattr(value, "tzinfo", None) is None]
    found = base
    if mapping.time_format is None and words:
        found, naive = _text_format(source, words, found, naive)
        if found.time_format is not None:
            notes.append(f"{name}: times of the format {found.time_format} (--time-format)")
    elif mapping.time_format is None and numbers and mapping.timestamp_unit is None:
        found = _unit(digits, numbers, found)
        if found.time_format is not None:
            notes.append(f"{name}: times of the format {found.time_format} (--time-format)")
            naive = [date.min]
        else:
            notes.append(f"{name}: numbers in {found.timestamp_unit} since 1970 (--time-unit)")
    elif mapping.time_format is not None and texts and "%z" not in mapping.time_format.lower():
        naive = [date.min]
    if naive and mapping.time_zone is None:
        notes.append(f"{name}: times without a zone are read as UTC (--time-zone)")
    return found


def _float(number: str | float | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _unit(digits: Sequence[str], numbers: Sequence[float], found: ValueFormat) -> ValueFormat:
    """Unit by which most numbers are times that the job accepts; digits may also be a calendar date."""
    if not found.time_origin_ms:
        for unit in _UNITS:
            if sum(_MEANT_FROM_MS <= number * MS_OF[unit] < _MEANT_TO_MS for number in numbers) * 2 > len(numbers):
                return replace(found, timestamp_unit=unit)
        for pattern in _DIGITS:
            if sum(_parses(text, pattern) for text in digits) * 2 > len(numbers):
                return replace(found, time_format=pattern)
    return found


def _text_format(
    source: str, words: Sequence[str], found: ValueFormat, naive: list[Any]
) -> tuple[ValueFormat, list[Any]]:
    iso = [moment for moment in map(_iso, words) if moment is not None]
    if iso and len(iso) * 2 >= len(words):
        return found, naive + [moment for moment in iso if moment.tzinfo is None]
    if any(_accepted(word) for word in words[:20]):
        return found, naive
    # Most rows decide, and the others are bad rows; the format is asked for where several fit as many.
    candidates = [day + hour + zone for day in _DAYS for hour in _HOURS for zone in _ZONES if hour or not zone]
    candidates = [pattern for pattern in candidates if any(_parses(word, pattern) for word in words[:20])]
    fits = {pattern: sum(_parses(word, pattern) for word in words) for pattern in candidates}
    most = max(fits.values(), default=0)
    best = [pattern for pattern, count in fits.items() if count == most]
    for word in words:
        if len({datetime.strptime(word, each) for each in best if _parses(word, each)}) > 1:
            raise MappingError(
                f"{source}: {word!r} may be a time of {' or '.join(best)}: say which with --time-format, in quotes"
            )
    if not best:
        return found, naive
    return replace(found, time_format=best[0]), naive + ([] if "%z" in best[0].lower() else [date.min])


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _accepted(text: str) -> bool:
    try:
        times.epoch_ms("time", text)
    except times.TimeUnreadableError:
        return False
    return True


def _parses(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)
    except ValueError:
        return False
    return True
