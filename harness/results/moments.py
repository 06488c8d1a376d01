"""Times as records hold them."""

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A time as records hold it; one without an offset is taken as UTC.

    Raises:
        ValueError: it is none, or so far away that other time zones have no such year.
    """
    time = datetime.fromisoformat(text)
    if not 1 < time.year < 9999:
        raise ValueError(f"{text} is out of range")
    return time if time.tzinfo else time.replace(tzinfo=UTC)
