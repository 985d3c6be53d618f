"""``sentinel replay``."""


def replay() -> None:
    """Placeholder."""
