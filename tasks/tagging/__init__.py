"""Tagging: give each step of a sequence its label."""

from recurbench.tasks.tagging.task import Tagging

__all__ = ["Tagging"]
