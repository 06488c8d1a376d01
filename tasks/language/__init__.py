"""Language modelling: predict the next character or word of a text."""

from recurbench.tasks.language.task import Language

__all__ = ["Language"]
