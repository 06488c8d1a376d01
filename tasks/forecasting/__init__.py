"""Forecasting: predict the next values of a series from a window of past ones."""

from recurbench.tasks.forecasting.task import Forecasting

__all__ = ["Forecasting"]
