"""Where the arrays of a profile lie, so that one compiled pass goes over all the profiles of a batch.

To hand an array from Python to compiled code costs 150 ns, and a profile has up to ten: more than is done with them.
So each profile notes once where its arrays lie, in an array of its own, and compiled code is handed the address of
that. An array lives as long as its address is noted, since ``Noted`` holds both and changes both.
"""

from __future__ import annotations

from typing import Any, Protocol

from numba import carray, types
from numba.extending import intrinsic

from state.kernel.jit import compiled
from state.windowing.raw_events import Words


class HasLayout(Protocol):
    """Whoever notes where its arrays lie."""

    layout: Words


class AddressedArray:
    """An attribute that holds an array and notes its address, and behind that the length of its last axis.

    Args:
        place: in ``where`` of its owner, which keeps the array itself in a slot of this name after an underscore.
    """

    def __init__(self, place: int) -> None:
        self._place = place

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, owner: HasLayout, kind: type | None = None) -> Words:
        array: Words = getattr(owner, self._slot)
        return array

    def __set__(self, owner: HasLayout, array: Words) -> None:
        if not array.flags.c_contiguous:
            raise ValueError("only an array without gaps can be found by its address")
        setattr(owner, self._slot, array)
        _note(owner.layout, self._place, array)


@compiled
def address_of(array: Words) -> int:
    """Where an array of words lies."""
    return array.ctypes.data


@compiled
def _note(where: Words, place: int, array: Words) -> None:
    where[place] = array.ctypes.data
    where[place + 1] = array.shape[-1]


@intrinsic  # type: ignore[untyped-decorator]  # the compiler has no types
def _pointer(context: Any, address: Any) -> Any:  # noqa: ANN401
    def make(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.inttoptr(arguments[0], target.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), make


@compiled
def words_at(address: int, count: int) -> Words:
    """The words that lie at an address."""
    return carray(_pointer(address), (count,))


@compiled
def table_at(address: int, rows: int, columns: int) -> Words:
    """The table of words that lies at an address."""
    return carray(_pointer(address), (rows, columns))
