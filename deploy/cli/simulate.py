"""``sentinel simulate``."""


def simulate() -> None:
    """Placeholder."""
