"""Access to the arrays of a profile by address, so that one compiled pass updates all profiles of a batch.

To pass one array from Python to compiled code costs 150 ns, and a profile has up to ten arrays: more than the work on
them. So each profile keeps the addresses of its arrays in one array, its layout, and compiled code receives the address
of the layout. An address is valid as long as its array lives: ``AddressedArray`` holds both and changes them together.
"""

from __future__ import annotations

from typing import Any, Protocol

from numba import carray, types
from numba.extending import intrinsic

from state.kernel.jit import compiled
from state.kernel.types import Words

WORD_BYTES = 8


class HasLayout(Protocol):
    """An owner of addressed arrays.

    Attributes:
        layout: block of memory that begins with the addresses and lengths of its arrays.
        address: of the layout.
    """

    layout: Words

    @property
    def address(self) -> int:
        """Address of the layout."""


class AddressedArray:
    """Descriptor of an array attribute that writes the array's address to its owner's layout, and its length behind it.

    The length is that of the last axis. The owner has a slot for the array, named like the attribute with a leading
    underscore. While the slot is None, the array lies in the owner's block, behind the layout: to restore a profile
    takes one allocation, and most of its arrays are never asked for in Python.

    Args:
        pointer: index of the address in the layout.
        rows: of a matrix; 0 for a vector.
    """

    def __init__(self, pointer: int, rows: int = 0) -> None:
        self._pointer = pointer
        self._rows = rows

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, owner: HasLayout, kind: type | None = None) -> Words:
        array: Words | None = getattr(owner, self._slot)
        return self._in_block(owner) if array is None else array

    def __set__(self, owner: HasLayout, array: Words) -> None:
        if not array.flags.c_contiguous:
            raise ValueError("only a contiguous array can be accessed by its address")
        setattr(owner, self._slot, array)
        _write_address(owner.layout, self._pointer, array)

    def _in_block(self, owner: HasLayout) -> Words:
        address, length = owner.layout[self._pointer : self._pointer + 2].tolist()
        start, rows = (address - owner.address) // WORD_BYTES, self._rows
        if not rows:
            return owner.layout[start : start + length]
        return owner.layout[start : start + rows * length].reshape(rows, length)


@compiled
def address_of(array: Words) -> int:
    """Return the memory address of an array."""
    return array.ctypes.data


@compiled
def _write_address(layout: Words, pointer: int, array: Words) -> None:
    layout[pointer] = array.ctypes.data
    layout[pointer + 1] = array.shape[-1]


@intrinsic  # type: ignore[untyped-decorator]  # the compiler has no types
def _pointer(context: Any, address: Any) -> Any:  # noqa: ANN401
    def make(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.inttoptr(arguments[0], target.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), make


@compiled
def words_at(address: int, count: int) -> Words:
    """View memory at an address as an array, (count,)."""
    return carray(_pointer(address), (count,))


@compiled
def table_at(address: int, rows: int, columns: int) -> Words:
    """View memory at an address as a matrix, (rows, columns)."""
    return carray(_pointer(address), (rows, columns))
