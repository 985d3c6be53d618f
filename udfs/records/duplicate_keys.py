"""Finds a key that occurs twice in a JSON object: decoders differ in which of the two values they take.

The job would decide one amount, while a consumer of the alert, which repeats the record as it came, reads another. The
same holds for ``Amount`` beside ``amount``, since some decoders ignore case.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from state.kernel.jit import compiled

_QUOTE, _BACKSLASH, _COLON = ord('"'), ord("\\"), ord(":")
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = ord("{"), ord("}"), ord("["), ord("]")
_SPACE, _UPPER_A, _UPPER_Z, _TO_LOWER = ord(" "), ord("A"), ord("Z"), 32
_MAX_KEYS, _MAX_DEPTH = 64, 16
_MIX, _SEED = 1_099_511_628_211, 0x9E3779B97F4A7C15


class DuplicateKeyError(ValueError):
    """An object has a key twice; the message names the key."""


def check_keys(value: bytes) -> None:
    """Find a key that occurs twice in an object of a valid JSON text. About 0.9 us for 500 bytes.

    Raises:
        DuplicateKeyError: an object has a key twice, or two keys that differ only in case.
    """
    # The compiled pass is exact for ordinary records; whatever is unusual is read again by Python.
    if _may_repeat_a_key(value):
        json.loads(value, object_pairs_hook=_check_pairs, parse_int=float)


def _check_pairs(pairs: Sequence[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        folded = key.lower()
        if folded in seen:
            raise DuplicateKeyError(f"{key[:64]!r} is there twice, or in upper and lower case: send each field once")
        seen.add(folded)


@compiled
def _may_repeat_a_key(value: bytes) -> bool:  # noqa: PLR0912 - one pass over the bytes
    """Whether two keys of an object have one hash, or a key is too unusual to tell: escaped, or one of very many."""
    hashes = np.empty(_MAX_KEYS, np.uint64)
    objects = np.empty(_MAX_DEPTH, np.uint64)
    size, position, depth, keys, opened = len(value), 0, 0, 0, 0
    while position < size:
        byte = value[position]
        position += 1
        if byte == _OPEN_OBJECT or byte == _OPEN_ARRAY:  # noqa: PLR1714, SIM109 - a tuple is slower when compiled
            if depth == _MAX_DEPTH:
                return True
            opened += 1
            objects[depth] = np.uint64(opened) * np.uint64(_SEED)
            depth += 1
        elif byte == _CLOSE_OBJECT or byte == _CLOSE_ARRAY:  # noqa: PLR1714, SIM109
            depth -= 1
        elif byte == _QUOTE:
            digest, escaped = (objects[depth - 1] if depth > 0 else np.uint64(0)), False
            while position < size and value[position] != _QUOTE:
                letter = value[position]
                if letter == _BACKSLASH:
                    escaped = True
                    position += 1
                elif letter >= _UPPER_A and letter <= _UPPER_Z:
                    letter += _TO_LOWER
                elif letter > 127:
                    # Upper and lower case of other alphabets are compared by Python.
                    escaped = True
                digest = (digest ^ np.uint64(letter)) * np.uint64(_MIX)
                position += 1
            position += 1
            following = position
            while following < size and value[following] <= _SPACE:
                following += 1
            if following < size and value[following] == _COLON:
                if escaped or keys == _MAX_KEYS:
                    return True
                for earlier in range(keys):
                    if hashes[earlier] == digest:
                        return True
                hashes[keys] = digest
                keys += 1
    return False
