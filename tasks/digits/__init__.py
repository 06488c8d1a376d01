"""Digits: recognise an image that is read pixel by pixel."""

from recurbench.tasks.digits.task import Digits

__all__ = ["Digits"]
