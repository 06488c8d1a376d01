"""Sentiment: say of a review whether it is good or bad."""

from recurbench.tasks.sentiment.task import Sentiment

__all__ = ["Sentiment"]
