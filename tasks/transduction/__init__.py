"""Strings turned into other strings by a rule: reversed, odd places first, sorted, or added."""

from recurbench.tasks.transduction.task import Transduction

__all__ = ["Transduction"]
