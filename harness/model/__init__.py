"""The model around a cell, the same for every cell."""
