"""The error for expected failures, which the user can correct; anything else is a bug and keeps its traceback."""

from __future__ import annotations


class OperationError(Exception):
    """An expected failure outside the program; the message is one sentence that says what to do."""
