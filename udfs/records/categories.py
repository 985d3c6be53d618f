"""Categories of merchants in their one normal form: a name of ``CATEGORY_RISK``, also for an ISO 18245 code (MCC)."""

from __future__ import annotations

from bisect import bisect_right

from udfs.features.country_and_category import CATEGORY_RISK

_RANGES: tuple[tuple[int, int, str], ...] = (
    (742, 742, "kids_pets"),
    (3000, 3999, "travel"),
    (4011, 4112, "transport"),
    (4119, 4119, "health"),
    (4121, 4131, "transport"),
    (4411, 4411, "travel"),
    (4511, 4582, "travel"),
    (4722, 4723, "travel"),
    (4784, 4789, "transport"),
    (4829, 4829, "money_transfer"),
    (5045, 5045, "electronics"),
    (5137, 5139, "clothing"),
    (5193, 5193, "gifts"),
    (5200, 5271, "home"),
    (5300, 5399, "shopping_pos"),
    (5411, 5499, "grocery"),
    (5541, 5542, "gas_transport"),
    (5552, 5552, "transport"),
    (5611, 5699, "clothing"),
    (5712, 5719, "home"),
    (5722, 5734, "electronics"),
    (5735, 5735, "digital"),
    (5811, 5814, "restaurant"),
    (5815, 5818, "digital"),
    (5912, 5912, "health"),
    (5945, 5945, "kids_pets"),
    (5947, 5947, "gifts"),
    (5975, 5976, "health"),
    (5977, 5977, "personal_care"),
    (5992, 5992, "gifts"),
    (5995, 5995, "kids_pets"),
    (6051, 6051, "crypto"),
    (6536, 6540, "money_transfer"),
    (7011, 7033, "travel"),
    (7230, 7230, "personal_care"),
    (7297, 7298, "personal_care"),
    (7512, 7523, "transport"),
    (7800, 7802, "gambling"),
    (7829, 7994, "entertainment"),
    (7995, 7995, "gambling"),
    (7996, 7999, "entertainment"),
    (8011, 8099, "health"),
    (9406, 9406, "gambling"),
)
"""First and last code of a category, ascending; codes between them have no category of known risk."""

_FIRSTS = [first for first, _, _ in _RANGES]
_VARIANTS = {
    "groceries": "grocery",
    "supermarket": "grocery",
    "restaurants": "restaurant",
    "gift": "gifts",
    "cryptocurrency": "crypto",
}
_MAX_CODE = 9999


def category_of(text: str) -> str | None:
    """Return the category of known risk that a name or an MCC of at most four digits stands for, or None."""
    if text in CATEGORY_RISK:
        return text
    name = "_".join(text.lower().replace("-", " ").split())
    if name in CATEGORY_RISK:
        return name
    if name.isascii() and name.isdecimal():
        return _category_of_code(int(name)) if len(name) <= len(str(_MAX_CODE)) else None
    return _VARIANTS.get(name)


def _category_of_code(code: int) -> str | None:
    row = bisect_right(_FIRSTS, code) - 1
    if row < 0:
        return None
    _, last, category = _RANGES[row]
    return category if code <= last else None
