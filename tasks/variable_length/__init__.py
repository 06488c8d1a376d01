"""Classification of sequences whose lengths really differ."""

from recurbench.tasks.variable_length.task import VariableLength

__all__ = ["VariableLength"]
