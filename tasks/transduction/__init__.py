"""Strings turned into other strings by a rule: reversed, sorted, added, left on a stack."""

from recurbench.tasks.transduction.task import Transduction

__all__ = ["Transduction"]
