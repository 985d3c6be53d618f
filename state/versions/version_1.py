"""Profiles of version 1, as version 2 has them."""

from __future__ import annotations

from state.kernel.sections import join_sections, split_sections

_OF_HISTORY = 6  # sections; the last of them is the older past


def shared_from_version_1(sections: list[bytes]) -> list[bytes]:
    """Version 1 kept 8 days: what it holds is a history of less. No late events waited beside its older past."""
    *history, older = sections[:_OF_HISTORY]
    if older:
        tiles, keys = split_sections(older)
        older = join_sections((join_sections((tiles, b"")), keys))
    return [*history, older, *sections[_OF_HISTORY:]]


def user_from_version_1(sections: list[bytes]) -> list[bytes]:
    """Likewise; nothing was known of places and channels."""
    return [*shared_from_version_1(sections), b""]
