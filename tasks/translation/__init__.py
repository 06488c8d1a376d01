"""Translation: read a text, then say it in another language or form."""

from recurbench.tasks.translation.task import Translation

__all__ = ["Translation"]
