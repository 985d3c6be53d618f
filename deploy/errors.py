"""The failures a person running the system can meet and mend; everything else is a bug and keeps its traceback."""

from __future__ import annotations


class OperationError(Exception):
    """Something outside the program is not as it must be; the message is one sentence that says what to do."""
