"""Secrets in the settings: which values they are, and how to hide them from everything that is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from flink_jobs.settings import Settings, SettingsError, is_secret, load_settings, quiet

HIDDEN = "****"
SHORTEST = 4
"""A shorter secret is not looked for in texts, since it occurs in ordinary words."""
_QUOTED = re.compile(r"""(?:password|secret|token|key)\w*\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s;"']+))""", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s:/@]*):([^\s@/]+)@", re.IGNORECASE)


def secret_values(settings: Settings) -> frozenset[str]:
    """Collect the secrets of the settings: passwords of Kafka's clients, and of addresses.

    A value with several parts, such as ``sasl.jaas.config``, counts as a whole and by each password in it.
    """
    found: set[str] = set()
    for properties in (settings.kafka.properties, settings.kafka.librdkafka_properties or {}):
        found |= _of_properties(properties)
    for address in (settings.redis_url, settings.flink.rest_url):
        found |= {match.group(2) for match in _URL_PASSWORD.finditer(address)}
    return frozenset(value for value in found if len(value) >= SHORTEST)


def _of_properties(properties: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    for name, value in properties.items():
        if is_secret(name):
            found |= {value, *_parts(value)}
    return found


def _parts(value: str) -> set[str]:
    return {part for match in _QUOTED.finditer(value) for part in match.groups() if part}


def hide(text: str, secrets: Iterable[str] | None = None) -> str:
    """Replace secrets in a text, and the password of every URL in it.

    Args:
        text: to be shown.
        secrets: to replace; by default those of the settings in force.
    """
    for secret in sorted(_in_force() if secrets is None else secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values without their secrets, for reports."""
    secrets = secret_values(settings)

    def shown(name: str, value: object) -> object:
        if isinstance(value, dict):
            return {key: shown(key, each) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        return HIDDEN if is_secret(name) else hide(value, secrets)

    return {name: shown(name, value) for name, value in settings.model_dump(mode="json").items()}


def forget() -> None:
    """Read the settings again at the next text, for programs that change them."""
    _in_force.cache_clear()


@cache
def _in_force() -> frozenset[str]:
    """The secrets of the settings in force; none when the settings are wrong: their message shows no secret."""
    try:
        with quiet():
            return secret_values(load_settings())
    except SettingsError:
        return frozenset()
