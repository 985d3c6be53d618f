"""The normal form of texts that conditions compare fields with: the one that decoding gives the field."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from udfs.conditions.derived_names import MetadataOf, parse_derived
from udfs.records.account_event import KINDS
from udfs.records.categories import category_of
from udfs.records.countries import country_of
from udfs.records.currencies import currency_of
from udfs.records.decoding import device_identifier
from udfs.records.normal_form import channel_of, normal_identifier, payment_method_of
from udfs.vocabulary import field
from udfs.vocabulary.payment_fields import TRANSACTION


def literal(name: str, text: str) -> str:
    """The normal form of a text that a field is compared with.

    Args:
        name: of the field.
        text: as written in the condition.

    Raises:
        ValueError: the field is never this text; the message says what to write.
    """
    text = field.normal_text(text)
    if isinstance(parse_derived(name), MetadataOf):
        return _stripped("metadata", text)
    normal = _NORMAL.get(name)
    return text if normal is None else normal(name, text)


def _stripped(name: str, text: str) -> str:
    return text.strip() or _absent(name, text)


def _identifier(name: str, text: str) -> str:
    return normal_identifier(text) or _absent(name, text)


def _device(name: str, text: str) -> str:
    return device_identifier(text) or _absent(name, text)


def _absent(name: str, text: str) -> str:
    raise ValueError(f"{name} is never {text!r}: write is_absent({name}) for a payment without one")


def _country(_: str, text: str) -> str:
    code = country_of(text)
    if code is None:
        raise ValueError(f"no country is called {text[:64]!r}: write its ISO code, such as DE")
    return code


def _kind(_: str, text: str) -> str:
    known = KINDS | {TRANSACTION}
    if text not in known:
        raise ValueError(f"no event is of kind {text[:64]!r}{_suggestion(text, known)}")
    return text


def _code(known: Callable[[str], str | None]) -> Callable[[str, str], str]:
    """Make the normal form of a code; other texts than known codes stay, as they do in payments."""

    def normal(name: str, text: str) -> str:
        return known(text) or _stripped(name, text)

    return normal


def _suggestion(text: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(text[:64], known, n=1)
    return f"; do you mean {close[0]!r}?" if close else ""


_NORMAL: Mapping[str, Callable[[str, str], str]] = {
    "kind": _kind,
    "user_id": _identifier,
    "merchant_id": _identifier,
    "device_id": _device,
    "card_id": _device,
    "country": _country,
    "city": _stripped,
    "currency": lambda name, text: currency_of(text) or _stripped(name, text).upper(),
    "channel": _code(channel_of),
    "payment_method": _code(payment_method_of),
    "merchant_category": _code(category_of),
}
