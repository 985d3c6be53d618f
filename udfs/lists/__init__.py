"""Lists and suppressions: entries that name users, cards, devices, merchants, countries and networks."""

from udfs.lists.record import ListEntry, decode_entry, entry_key

__all__ = ["ListEntry", "decode_entry", "entry_key"]
