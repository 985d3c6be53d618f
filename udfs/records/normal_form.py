"""The one normal form of ids, codes and flags, so that two spellings of one thing are one thing to the features.

Ids are in Unicode's normal form C, without surrounding white space and without characters that cannot be seen.
Placeholders such as ``N/A`` mean that nothing is known.
"""

from __future__ import annotations

import unicodedata

PLACEHOLDERS = frozenset(
    {
        *("", "null", "none", "nil", "nan", "n/a", "#n/a", "n.a.", "undefined", "unknown", "not available"),
        *("not applicable", "(null)", "<null>", "\\n", "-", "--", "?", "."),
    }
)
"""Texts in lower case that stand for nothing. ``NA`` is none of them: it is Namibia."""
_LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))
_CODE_PLACEHOLDERS = PLACEHOLDERS | {"na"}

CHANNELS = frozenset({"pos", "atm", "web", "mobile", "phone"})
PAYMENT_METHODS = frozenset({"card", "wallet", "transfer"})
_CHANNEL_VARIANTS = {
    **dict.fromkeys(("online", "internet", "ecommerce", "e_commerce", "ecom", "website"), "web"),
    **dict.fromkeys(("app", "mobile_app", "in_app", "mobile_application"), "mobile"),
    **dict.fromkeys(("in_store", "instore", "store", "terminal", "point_of_sale"), "pos"),
    **dict.fromkeys(("moto", "telephone", "call_center"), "phone"),
    "cash_machine": "atm",
}
_METHOD_VARIANTS = {
    **dict.fromkeys(("credit_card", "debit_card", "cc", "credit", "debit"), "card"),
    **dict.fromkeys(("bank_transfer", "wire", "wire_transfer", "sepa"), "transfer"),
    **dict.fromkeys(("e_wallet", "ewallet", "digital_wallet"), "wallet"),
}
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})

_ZERO_WIDTH_NON_JOINER, _ZERO_WIDTH_JOINER = "\u200c", "\u200d"
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff"))
"""Soft hyphen, marks of direction, spaces of no width: they say nothing, and are left out."""
_TAGS = range(0xE0020, 0xE0080)
"""Invisible letters that flags such as Scotland's are written with."""
_SPACES = "Zs"
LONGEST_WRITTEN = 1024
"""Characters of the longest text that is put into its normal form: an id has at most 256, each written as at most 4.

Time grows with the square of the number of marks in the wrong order: half a megabyte of them takes half a minute.
"""
LONGEST_WRITTEN_BYTES = 4 * LONGEST_WRITTEN
"""The same for a record key, as ``sentinel.edge.EnvelopeDeserializer`` has it."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands for nothing, such as ``null`` or ``N/A``."""
    return text.strip().lower() in PLACEHOLDERS


def normal_identifier(text: str) -> str:
    """Return the normal form of an id: NFC, plain spaces, none around it, no characters that cannot be seen.

    A text that is too long for any id is returned as it is.
    """
    if text.isascii():
        return text if text.isprintable() and text[:1] != " " and text[-1:] != " " else text.strip(" ")
    text = text.translate(_UNSEEN)
    if len(text) > LONGEST_WRITTEN:
        return text
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join([" " if unicodedata.category(letter) == _SPACES else letter for letter in text])
    return text.strip(" ")


def normal_user(text: str) -> str:
    """Return the id of a user in NFC, as its shard is computed; a text that is too long for any id as it is."""
    return text if text.isascii() or len(text) > LONGEST_WRITTEN else unicodedata.normalize("NFC", text)


def normal_key(key: bytes) -> bytes:
    """Return a record key in NFC; one that is not UTF-8, or too long for any id, as it is."""
    if key.isascii() or len(key) > LONGEST_WRITTEN_BYTES:
        return key
    try:
        return unicodedata.normalize("NFC", key.decode()).encode()
    except UnicodeDecodeError:
        return key


def is_legible(text: str) -> bool:
    """Whether a text has no control characters, overrides of direction or characters without a meaning."""
    return text.isprintable() or all(map(_is_legible_character, text))


def _is_legible_character(letter: str) -> bool:
    # Persian names and emoji are written with joiners.
    return letter.isprintable() or letter in (_ZERO_WIDTH_NON_JOINER, _ZERO_WIDTH_JOINER) or ord(letter) in _TAGS


def normal_device(text: str, max_characters: int) -> str | None:
    """Return the normal form of a device's id; None for a placeholder, only zeros, or what cannot be an id.

    An advertising id of zeros is that of every telephone whose owner forbids tracking.
    """
    # Without calls: this is true of an ordinary id.
    if text.isascii() and text.isprintable() and " " not in text and text[0:1] != "0":
        short = len(text) <= _LONGEST_PLACEHOLDER and text.lower() in PLACEHOLDERS
        return None if short or len(text) > max_characters else text
    if is_placeholder(text):
        return None
    name = normal_identifier(text)
    return name if name.strip("0-") and len(name) <= max_characters and is_legible(name) else None


def normal_text(text: str) -> str | None:
    """Return a text without surrounding white space; None for a placeholder."""
    return None if is_placeholder(text) else text.strip()


def channel_of(text: str) -> str | None:
    """Return the channel that a text stands for, or None."""
    return _code_of(text, CHANNELS, _CHANNEL_VARIANTS)


def payment_method_of(text: str) -> str | None:
    """Return the method of payment that a text stands for, or None."""
    return _code_of(text, PAYMENT_METHODS, _METHOD_VARIANTS)


def is_code_placeholder(text: str) -> bool:
    """Whether a text where a code is expected, other than a country's, stands for nothing."""
    return text.strip().lower() in _CODE_PLACEHOLDERS


def _code_of(text: str, known: frozenset[str], variants: dict[str, str]) -> str | None:
    name = word_of(text)
    return name if name in known else variants.get(name)


def word_of(text: str) -> str:
    """Return a code in lower case, its words joined by an underscore: ``Mobile App`` is ``mobile_app``."""
    return "_".join(text.lower().replace("-", " ").split())


def truth_of(value: object) -> bool | None:
    """Read true, 1, ``yes``, ``Y`` and so on as a flag; None for what is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def number_of(value: object) -> float | None:
    """Read a finite number, also one that is written as a text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None
